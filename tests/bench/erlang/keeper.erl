%% A supervisor: of one named `answering` that may be killed so many times, or of any number of them.
-module(keeper).
-behaviour(supervisor).
-export([start_link/2, init/1]).

start_link(What, Intensity) -> supervisor:start_link(?MODULE, {What, Intensity}).

init({one_named, Intensity}) ->
    {ok, {#{strategy => one_for_one, intensity => Intensity, period => 60},
          [#{id => answering, start => {answering, start_named, []}}]}};
init({many, Intensity}) ->
    {ok, {#{strategy => simple_one_for_one, intensity => Intensity, period => 60},
          [#{id => answering, start => {answering, start_link, []}}]}}.
