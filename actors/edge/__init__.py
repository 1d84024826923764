"""The edge: Kazoo's JSON over AMQP, for SIP proxies and third parties. Our own parts never talk through here.

server    the process: who listens to what, publishing, answering, asking      interest   which families go out
border    what arrives is read, and sent on                                    link       what it asks of a broker
messages  what it is told and asked
amqp      that over RabbitMQ                                                   memory     that in memory, for tests
"""

from mirliton.actors.edge.interest import Interest
from mirliton.actors.edge.link import Incoming, Link, Outgoing, Owner, Plan, SharedQueue
from mirliton.actors.edge.memory import MemoryBroker
from mirliton.actors.edge.messages import Answer, Answers, Ask, BrokerUp, EdgeIs, EdgeStatus, Publish
from mirliton.actors.edge.server import EDGE, Edge

__all__ = [
    "EDGE",
    "Answer",
    "Answers",
    "Ask",
    "BrokerUp",
    "Edge",
    "EdgeIs",
    "EdgeStatus",
    "Incoming",
    "Interest",
    "Link",
    "MemoryBroker",
    "Outgoing",
    "Owner",
    "Plan",
    "Publish",
    "SharedQueue",
]
