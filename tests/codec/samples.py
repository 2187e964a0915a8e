"""Messages of every shape that the tests cut, mutate and split. Built by hand, by neither implementation."""

from __future__ import annotations

from tests.codec.support import message

__all__ = ["DATA_FIELDS", "EXECUTION_REPORT", "HEARTBEAT", "LOGON", "MARKET_DATA", "NEW_ORDER", "SAMPLES"]

_HEAD = "49=BROKER|56=CLIENT|34={n}|52=20240102-03:04:05.678|"

HEARTBEAT = message("35=0|" + _HEAD.format(n=2))
LOGON = message("35=A|" + _HEAD.format(n=1) + "98=0|108=30|95=10|96=a|10=000|b|553=me|554=secret|")
NEW_ORDER = message(
    "35=D|" + _HEAD.format(n=3) + "11=order-1|55=EUR/USD|54=1|60=20240102-03:04:05.678|38=1000000|40=2|44=1.08455|59=0|"
)
EXECUTION_REPORT = message(
    "35=8|"
    + _HEAD.format(n=4)
    + "37=o1|11=order-1|17=e1|150=F|39=1|453=2|448=A|447=D|452=1|802=2|523=s1|803=1|523=s2|803=2|448=B|447=D|452=3|"
    "55=EUR/USD|54=1|38=1000000|32=250000|31=1.08451|151=750000|14=250000|6=1.08451|60=20240102-03:04:05.678901|58=a=b|"
)
MARKET_DATA = message(
    "35=W|"
    + _HEAD.format(n=5)
    + "262=r|55=EUR/USD|268=10|"
    + "".join(f"269={i % 2}|270=1.08{400 + i}|271={i}00000|" for i in range(10))
)
DATA_FIELDS = message(
    "35=B|"
    + _HEAD.format(n=6)
    + "148=news|33=1|58=text|354=11|355=\x01\x0110=000\x018=|95=14|96=|8=FIX.4.4|9=5|212=3|213=<a>|"
    "93=5|89=|10=0|"
)
FIXT = message("35=0|1128=9|" + _HEAD.format(n=7) + "112=ping|", "FIXT.1.1")
ODD = message("35=U1|9999=|-1=x|0=y|999999999=z|58=\xe4\xf6\xfc\xff|")

SAMPLES = {
    "heartbeat": HEARTBEAT,
    "logon": LOGON,
    "new order": NEW_ORDER,
    "execution report": EXECUTION_REPORT,
    "market data": MARKET_DATA,
    "data fields": DATA_FIELDS,
    "fixt": FIXT,
    "odd": ODD,
}
