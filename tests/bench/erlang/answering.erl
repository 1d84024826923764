%% A gen_server that answers each call with what it was asked.
-module(answering).
-behaviour(gen_server).
-export([start/0, start_link/0, start_named/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

start() -> gen_server:start(?MODULE, [], []).
start_link() -> gen_server:start_link(?MODULE, [], []).
start_named() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

init([]) -> {ok, 0}.
handle_call(Request, _From, Served) -> {reply, Request, Served + 1}.
handle_cast(_Request, Served) -> {noreply, Served}.
handle_info(_Message, Served) -> {noreply, Served}.
