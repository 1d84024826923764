%% The same work on Erlang/OTP. `erl -run bench main WORK COUNT` prints one line per figure: its name and its value.
%% Rates are per second, durations microseconds, sizes bytes; the names are those of the Python side.
-module(bench).
-export([main/1]).
-export([ping_pong/1, one_way/1, fan_in/1, calls/1, selective/1]).
-export([idle_servers/1, idle_scripts/1, skynet/1, restarts/1, supervised/1, timers/1]).

main([Work, Count]) ->
    try apply(?MODULE, list_to_existing_atom(Work), [list_to_integer(Count)]) of
        Figures ->
            [io:format("~s ~w~n", [Name, float(Value)]) || {Name, Value} <- Figures],
            halt(0)
    catch
        Class:Reason:Stack ->
            io:format(standard_error, "~p: ~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.

%% Messages

ping_pong(Count) ->
    Pong = spawn_link(fun pong/0),
    {Took, ok} = timed(fun() -> ping(Pong, Count) end),
    [{rate, Count / Took}].

ping(_, 0) ->
    ok;
ping(Pong, Left) ->
    Pong ! {self(), ball},
    receive
        ball -> ping(Pong, Left - 1)
    end.

pong() ->
    receive
        {From, Ball} ->
            From ! Ball,
            pong()
    end.

one_way(Count) ->
    flood(1, Count, 100).

fan_in(Count) ->
    flood(100, Count, 10).

%% So many sources send Count messages in all to one sink, in bursts, each letting others run after one.
flood(Sources, Count, Burst) ->
    Me = self(),
    Bursts = Count div (Sources * Burst),
    Sink = spawn_link(fun() -> sink(Me, Sources * Bursts * Burst) end),
    Ready = [spawn_link(fun() -> receive go -> source(Sink, Bursts, Burst) end end) || _ <- lists:seq(1, Sources)],
    {Took, ok} = timed(fun() ->
        [Source ! go || Source <- Ready],
        receive all_came -> ok end
    end),
    [{rate, Sources * Bursts * Burst / Took}].

sink(Asker, 0) ->
    Asker ! all_came;
sink(Asker, Left) ->
    receive
        drop -> sink(Asker, Left - 1)
    end.

source(_, 0, _) ->
    ok;
source(Sink, Bursts, Burst) ->
    burst(Sink, Burst),
    erlang:yield(),
    source(Sink, Bursts - 1, Burst).

burst(_, 0) ->
    ok;
burst(Sink, Left) ->
    Sink ! drop,
    burst(Sink, Left - 1).

calls(Count) ->
    {ok, Server} = answering:start_link(),
    Took = [Seconds || {Seconds, request} <- [timed(fun() -> gen_server:call(Server, request) end) || _ <- lists:seq(1, Count)]],
    [{rate, Count / lists:sum(Took)} | spread(Took)].

%% As many messages wait as `Count` says, and match nothing; an answer is picked out behind them, over and over.
selective(Count) ->
    Pong = spawn_link(fun pong/0),
    [self() ! {waiting, Number} || Number <- lists:seq(1, Count)],
    Rounds = 1000,
    {Took, ok} = timed(fun() -> ping(Pong, Rounds) end),
    [{rate, Rounds / Took}].

%% Processes

idle_servers(Count) ->
    idle(Count, fun() -> {ok, Pid} = answering:start(), Pid end).

idle_scripts(Count) ->
    idle(Count, fun() -> spawn(fun wait_for_ever/0) end).

wait_for_ever() ->
    receive
        _ -> wait_for_ever()
    end.

idle(Count, Start) ->
    Before = resident(),
    {Took, Pids} = timed(fun() -> [Start() || _ <- lists:seq(1, Count)] end),
    Size = (resident() - Before) / Count,
    [exit(Pid, kill) || Pid <- Pids],
    [{bytes, Size}, {rate, Count / Took}].

skynet(Count) ->
    Me = self(),
    {Took, Sum} = timed(fun() ->
        spawn_link(fun() -> node_of_skynet(Me, 0, Count) end),
        receive Number -> Number end
    end),
    Sum = Count * (Count - 1) div 2,
    [{seconds, Took}].

node_of_skynet(Parent, Number, 1) ->
    Parent ! Number;
node_of_skynet(Parent, Number, Size) ->
    Me = self(),
    Part = Size div 10,
    [spawn_link(fun() -> node_of_skynet(Me, Number + Child * Part, Part) end) || Child <- lists:seq(0, 9)],
    Parent ! sum_up(10, 0).

sum_up(0, Sum) ->
    Sum;
sum_up(Left, Sum) ->
    receive
        Number -> sum_up(Left - 1, Sum + Number)
    end.

restarts(Count) ->
    {ok, _} = keeper:start_link(one_named, Count),
    Took = [begin {Seconds, ok} = timed(fun kill_and_ask/0), Seconds end || _ <- lists:seq(1, Count)],
    spread(Took).

kill_and_ask() ->
    Old = whereis(answering),
    exit(Old, kill),
    ask_successor(Old).

ask_successor(Old) ->
    case whereis(answering) of
        New when is_pid(New), New =/= Old ->
            request = gen_server:call(New, request),
            ok;
        _ ->
            erlang:yield(),
            ask_successor(Old)
    end.

supervised(Count) ->
    {ok, Keeper} = keeper:start_link(many, 1),
    {Took, _} = timed(fun() -> [{ok, _} = supervisor:start_child(Keeper, []) || _ <- lists:seq(1, Count)] end),
    Count = proplists:get_value(active, supervisor:count_children(Keeper)),
    [{seconds, Took}].

%% Timers

timers(Count) ->
    {Setting, Timers} = timed(fun() -> [erlang:start_timer(3600000, self(), late) || _ <- lists:seq(1, Count)] end),
    {Cancelling, ok} = timed(fun() -> lists:foreach(fun(Timer) -> true = is_integer(erlang:cancel_timer(Timer)) end, Timers) end),
    [{set, Count / Setting}, {cancel, Count / Cancelling}].

%% Measuring

timed(Do) ->
    Began = erlang:monotonic_time(),
    Result = Do(),
    {(erlang:monotonic_time() - Began) / erlang:convert_time_unit(1, second, native), Result}.

spread(Took) ->
    Ordered = lists:sort(Took),
    Rank = fun(Percent) -> lists:nth(min(length(Took), length(Took) * Percent div 100 + 1), Ordered) * 1.0e6 end,
    [{p50, Rank(50)}, {p99, Rank(99)}].

%% Bytes of memory that the emulator holds now, after a collection of this process.
resident() ->
    erlang:garbage_collect(),
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(Text, " "),
    binary_to_integer(Pages) * 4096.
