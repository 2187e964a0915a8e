"""QuickFIX's settings files as they are: how they are read, and what each setting becomes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fixfast as ff
from fixfast.engine.quickfix.cfg import parse_cfg
from fixfast.engine.quickfix.convert import PARTS, convert, to_toml_text
from fixfast.engine.quickfix.draft import CONVERTERS
from fixfast.engine.quickfix.settings import SETTINGS, nearest_setting, setting_of
from fixfast.engine.settings.file import TABLES, look_at_config
from fixfast.engine.settings.keys import keys_of
from fixfast.engine.settings.nodes import MAX_BYTES
from fixfast.transport.proxy import ProxyConfig

INITIATOR = """[DEFAULT]
ConnectionType=initiator
[SESSION]
BeginString=FIX.4.4
SenderCompID=US
TargetCompID=THEM
SocketConnectHost=fix.example.com
SocketConnectPort=9878
"""
ACCEPTOR = """[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=9878
[SESSION]
BeginString=FIX.4.4
SenderCompID=US
TargetCompID=THEM
"""
FIXT = INITIATOR.replace("FIX.4.4", "FIXT.1.1")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load a text: (the session, or None; what is said, "line: name: text")."""
    monkeypatch.chdir(tmp_path)

    def loaded(text: str | bytes, **environ: str) -> tuple[ff.SessionSettings | None, list[str]]:
        Path("x.cfg").write_bytes(text if isinstance(text, bytes) else text.encode())
        found = look_at_config("x.cfg", environ=environ)
        said = [f"{r.severity} {r.line}: {r.key}: {r.text}" for r in found.remarks]
        return (next(iter(found.settings.sessions.values())) if found.settings else None), said

    return loaded


def serious(said: list[str]) -> list[str]:
    return [one for one in said if not one.startswith("note")]


# --- the form ---------------------------------------------------------------------------------------------------------


def entries(text: str) -> dict[str, str]:
    (section,), _ = parse_cfg(text.encode(), "x.cfg")
    return {entry.name: entry.value for entry in section.entries.values()}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[DEFAULT]\nA=1\n[SESSION]\nB=2", {"A": "1", "B": "2"}),
        ("[SESSION]\nB=2\n[DEFAULT]\nA=1", {"A": "1", "B": "2"}),
        ("  [default]  \n  A = 1  \n[Session]", {"A": "1"}),
        ("[DEFAULT]\nA=1\n[SESSION]\na=2", {"a": "2"}),
        ("[SESSION]\nA=1\nA=2", {"A": "2"}),
        ("[SESSION]\nA=b=c=d", {"A": "b=c=d"}),
        ("[SESSION]\nA=1 # no comment", {"A": "1 # no comment"}),
        ("# c\n[SESSION] # c\n # c\n#A=1\nB=", {"B": ""}),
        ("\ufeff[SESSION]\r\nA=1\r\n", {"A": "1"}),
        ("[DEFAULT]\nA=1\n[DEFAULT]\nA=2\nB=3\n[SESSION]", {"A": "2", "B": "3"}),
        ("[OTHER]\nA=1\n[SESSION]\nB=2", {"B": "2"}),
        ("A=1\n[SESSION]\nB=2", {"B": "2"}),
    ],
)
def test_sections_and_settings_are_read_as_quickfix_does(text: str, found: dict[str, str]) -> None:
    assert entries(text) == found


def test_real_quickfix_reads_files_the_same_way(tmp_path: Path) -> None:
    """Those of the rules above that QuickFIX (C++) follows, by itself."""
    quickfix = pytest.importorskip("quickfix")
    identity = "BeginString=FIX.4.2\nSenderCompID=A\nTargetCompID=B\nConnectionType=initiator\n"
    session = quickfix.SessionID("FIX.4.2", "A", "B")
    for text in (
        "[DEFAULT]\nHeartBtInt=30\n[SESSION]\n",
        "  [DEFAULT]  \n  HeartBtInt = 30  \n [SESSION]\n",
        "[DEFAULT]\nHeartBtInt=30\n[SESSION]\nHEARTBTINT=31\n",
        "[SESSION]\nHeartBtInt=1\nHeartBtInt=2\n",
        "[SESSION]\nSocketConnectHost=a=b=c\n",
        "[OTHER]\nHeartBtInt=9\n[SESSION]\n #HeartBtInt=1\nSocketConnectHost=${HOME}\n",
    ):
        (tmp_path / "x.cfg").write_text(text + identity)
        settings = quickfix.SessionSettings(str(tmp_path / "x.cfg"))  # owns what get() returns
        theirs = settings.get(session)
        (section,), _ = parse_cfg((text + identity).encode(), "x.cfg")
        for name in ("HeartBtInt", "SocketConnectHost"):
            ours = section.entries.get(name.lower())
            assert (ours.value if ours else None) == (theirs.getString(name) if theirs.has(name) else None)


def test_what_is_odd_in_a_file_is_told(load: Any) -> None:
    text = (
        "nonsense\nA=1\n[OTHER]\n[DEFAULT]\nConnectionType=initiator\nConnectionType=acceptor\n[DEFAULT]\nSenderSubId\n"
    )
    _, said = load(text + ACCEPTOR.partition("\n")[2])
    assert serious(said)[:6] == [
        "warning 1: : neither a section nor Name=value: skipped",
        "warning 2: A: stands before any section: skipped",
        "warning 3: : [OTHER] is skipped: there are [DEFAULT] and [SESSION]",
        "warning 6: ConnectionType: replaces that of line 5",
        "warning 7: : a second [DEFAULT]: QuickFIX ignores it, QuickFIX/J takes it; it is taken",
        "warning 8: : neither a section nor Name=value: skipped",
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[SESSION]\nSenderCompID=B\xf6rse\n", "is no UTF-8: save the file as UTF-8"),
        (b"[SESSION]\nSenderCompID=a\x00b\n", "has control characters"),
        (b"[DEFAULT]\n", "there is no [SESSION]"),
        (b"[SESSION]\n" + b"x\n" * 1000, "this is no settings file of QuickFIX"),
        (b"[SESSION]\n" + b"x" * (MAX_BYTES + 1), "larger than"),
        (b"[SESSION]\n" + bytes(range(256)) * 100, "this is no settings file of QuickFIX"),
    ],
)
def test_hostile_files_are_refused_with_a_line(data: bytes, text: str, load: Any) -> None:
    one, said = load(data)
    assert one is None
    assert any(text in line for line in said), said
    assert len(said) < 110


def test_a_comment_may_be_in_any_encoding(load: Any) -> None:
    one, _ = load(b"# B\xf6rse\n" + INITIATOR.encode())
    assert one is not None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    converted = convert(b"[SESSION]\n" + data, "x.cfg")
    assert all(str(remark) for remark in converted.remarks)


def test_two_sessions_of_one_identity_are_refused(load: Any) -> None:
    _, said = load(INITIATOR + INITIATOR.partition("[SESSION]")[1] + INITIATOR.partition("[SESSION]")[2])
    assert "FIX.4.4:US->THEM is that of US-THEM: give one a qualifier" in said[-1]
    one, _ = load(INITIATOR + "[SESSION]" + INITIATOR.partition("[SESSION]")[2] + "SessionQualifier=2\n")
    assert one is not None


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_row_leads_somewhere() -> None:
    tables = {**TABLES}
    for setting in SETTINGS.values():
        if setting.kind == "key":
            table, _, key = setting.key.rpartition(".")
            assert key in keys_of(tables.get(table, ff.SessionConfig)), setting
            assert setting.how in CONVERTERS
        elif setting.kind == "part":
            assert setting.key in PARTS, setting
            assert setting.text
        else:
            assert setting.kind in ("same", "no")
            assert len(setting.text) > 10, f"{setting.name} does not say why, and what to do instead"


#: Names from the engines' documentation, by heading
DOCUMENTED = """
BeginString SenderCompID SenderSubID SenderLocationID TargetCompID TargetSubID TargetLocationID SessionQualifier
DefaultApplVerID ConnectionType StartTime EndTime StartDay EndDay Weekdays TimeZone UseLocalTime NonStopSession
LogonTime LogoutTime LogonDay LogoutDay MillisecondsInTimeStamp TimestampPrecision
TimeStampPrecision SendRedundantResendRequests
ResetOnLogon ResetOnLogout ResetOnDisconnect ResetOnError DisconnectOnError RefreshOnLogon EnableLastMsgSeqNumProcessed
EnableNextExpectedMsgSeqNum SendNextExpectedMsgSeqNum MaxMessagesInResendRequest ResendRequestChunkSize
ClosedResendInterval SendLogoutBeforeDisconnectFromTimeout IgnorePossDupResendRequests RequiresOrigSendingTime
ContinueInitializationOnError TestRequestDelayMultiplier HeartBeatTimeoutMultiplier DisableHeartBeatCheck
ForceResendWhenCorruptedStore LogonTag Description ResendSessionLevelRejects SendResetSeqNumFlag
UseDataDictionary DataDictionary TransportDataDictionary AppDataDictionary ValidateLengthAndChecksum ValidateChecksum
ValidateFieldsOutOfOrder ValidateUnorderedGroupFields ValidateFieldsHaveValues ValidateUserDefinedFields
ValidateIncomingMessage ValidateSequenceNumbers AllowUnknownMsgFields AllowUnknownFieldValues CheckCompID CheckLatency
MaxLatency RejectGarbledMessage RejectInvalidMessage RejectMessageOnUnhandledException PreserveMessageFieldsOrder
ReconnectInterval HeartBtInt LogonTimeout LogoutTimeout SocketConnectPort SocketConnectHost SocketConnectPort1
SocketConnectHost1 SocketConnectProtocol SocketConnectTimeout SocketLocalPort SocketLocalHost SocketConnectSourceHost
SocketConnectSourcePort DynamicSession HostSelectionPolicy SocketIgnoreProxy
SocketAcceptPort SocketAcceptHost SocketAcceptAddress SocketAcceptProtocol SocketReuseAddress AllowedRemoteAddresses
AcceptorTemplate UseTCPProxy LogMessageWhenSessionNotFound
SocketUseSSL SocketKeyStore SocketKeyStorePassword KeyManagerFactoryAlgorithm KeyStoreType SocketTrustStore
SocketTrustStorePassword TrustManagerFactoryAlgorithm TrustStoreType NeedClientAuth EnabledProtocols CipherSuites UseSNI
SNIHostName EndpointIdentificationAlgorithm ServerCertificateFile ServerCertificateKeyFile ClientCertificateFile
ClientCertificateKeyFile CertificationAuthoritiesFile CertificationAuthoritiesDirectory CertificateRevocationListFile
CertificateRevocationListDirectory CertificateVerifyLevel SSLProtocol SSLCipherSuite
SSLEnable
SSLServerName SSLProtocols
SSLValidateCertificates SSLCheckCertificateRevocation SSLCertificate SSLCertificatePassword SSLRequireClientCertificate
SSLCACertificate
ProxyType ProxyVersion ProxyHost ProxyPort ProxyUser ProxyPassword ProxyDomain ProxyWorkstation
SocketNodelay SocketTcpNoDelay SocketSendBufferSize SocketReceiveBufferSize SocketSendTimeout SocketReceiveTimeout
SocketKeepAlive SocketOobInline SocketLinger SocketTrafficClass SocketSynchronousWrites SocketSynchronousWriteTimeout
MaxScheduledWriteRequests
PersistMessages FileStorePath FileStoreMaxCachedMsgs FileStoreSync JdbcDataSourceName JdbcDriver JdbcURL JdbcUser
JdbcPassword JdbcStoreMessagesTableName JdbcStoreSessionsTableName JdbcLogHeartBeats JdbcLogIncomingTable
JdbcLogOutgoingTable JdbcLogEventTable JdbcSessionIdDefaultPropertyValue JdbcMaxActiveConnection JdbcMaxActiveTime
JdbcMaxConnectionLifeTime JdbcSimultaneousBuildThrottle MySQLStoreDatabase MySQLStoreUser MySQLStorePassword
MySQLStoreHost MySQLStorePort MySQLStoreUseConnectionPool PostgreSQLStoreDatabase PostgreSQLStoreUser
PostgreSQLStorePassword PostgreSQLStoreHost PostgreSQLStorePort PostgreSQLStoreUseConnectionPool OdbcStoreUser
OdbcStorePassword OdbcStoreConnectionString
FileLogPath FileLogBackupPath DebugFileLogPath FileLogHeartbeats FileIncludeMilliseconds FileIncludeTimeStampForMessages
SLF4JLogEventCategory SLF4JLogErrorEventCategory SLF4JLogIncomingMessageCategory SLF4JLogOutgoingMessageCategory
SLF4JLogPrependSessionID SLF4JLogHeartbeats
ScreenLogEvents ScreenLogShowIncoming ScreenLogShowOutgoing ScreenLogShowEvents
ScreenLogShowHeartBeats MySQLLogDatabase MySQLLogUser MySQLLogPassword MySQLLogHost MySQLLogPort
MySQLLogUseConnectionPool MySQLLogIncomingTable MySQLLogOutgoingTable MySQLLogEventTable PostgreSQLLogDatabase
PostgreSQLLogUser PostgreSQLLogPassword PostgreSQLLogHost PostgreSQLLogPort PostgreSQLLogUseConnectionPool
PostgreSQLLogIncomingTable PostgreSQLLogOutgoingTable PostgreSQLLogEventTable PostgresSQLLogIncomingTable OdbcLogUser
OdbcLogPassword OdbcLogConnectionString OdbcLogIncomingTable OdbcLogOutgoingTable OdbcLogEventTable
HttpAcceptPort UseJmx ThreadModel
""".split()


def test_every_documented_setting_has_a_row() -> None:
    assert not [name for name in DOCUMENTED if setting_of(name) is None]


def test_no_setting_passes_in_silence_that_is_not_mapped(load: Any) -> None:
    """What is not supported is told, with what to do; what is as fixfast is anyway is not."""
    for setting in SETTINGS.values():
        if setting.kind == "no":
            _, said = load(f"{INITIATOR}{setting.name}=whatever\n")
            assert any(f": {setting.name}: is not supported. " in line for line in said), setting.name
            _, said = load(f"{INITIATOR}{setting.name}={setting.harmless or 'x'}\n")
            assert bool(setting.harmless) is not any(f": {setting.name}: " in line for line in said)


@pytest.mark.parametrize(
    ("name", "near"),
    [("HeartBeatInt", "HeartBtInt"), ("SocketConectHost", "SocketConnectHost"), ("ResetOnLogin", "ResetOnLogon"),
     ("DataDictonary", "DataDictionary"), ("Qwertz", "")],
)  # fmt: skip
def test_an_unknown_setting_gets_the_nearest_known_name(name: str, near: str, load: Any) -> None:
    assert nearest_setting(name) == near
    _, said = load(f"{INITIATOR}{name}=1\n")
    end = f"; did you mean {near}?" if near else ": yours, perhaps"
    assert f"warning 9: {name}: no QuickFIX engine knows this setting{end}" in said


# --- what settings become -------------------------------------------------------------------------------------------

KEYS = [
    ("HeartBtInt=17", "heart_bt_int", 17),
    ("heartbtint=17", "heart_bt_int", 17),
    ("SenderSubID=DESK", "sender_sub_id", "DESK"),
    ("TargetLocationID=NY", "target_location_id", "NY"),
    ("SessionQualifier=2", "qualifier", "2"),
    ("ResetOnLogon=Y", "reset_on_logon", True),
    ("ResetOnLogout=y", "reset_on_logout", True),
    ("ResetOnDisconnect=N", "reset_on_disconnect", False),
    ("CheckLatency=N", "check_latency", False),
    ("MaxLatency=30", "sending_time_tolerance", 30),
    ("LogonTimeout=3", "logon_timeout", 3),
    ("LogoutTimeout=4", "logout_timeout", 4),
    ("EnableLastMsgSeqNumProcessed=Y", "last_msg_seq_num_processed", True),
    ("SendNextExpectedMsgSeqNum=Y", "next_expected_msg_seq_num", "use"),
    ("EnableNextExpectedMsgSeqNum=N", "next_expected_msg_seq_num", "honour"),
    ("ClosedResendInterval=Y", "resend_range", "closed"),
    ("ResendRequestChunkSize=100", "resend_chunk", 100),
    ("MaxMessagesInResendRequest=50", "resend_chunk", 50),
    ("SendLogoutBeforeDisconnectFromTimeout=N", "dead_peer", "close"),
    ("TimestampPrecision=6", "timestamp_digits", 6),
    ("TimestampPrecision=4", "timestamp_digits", 6),
    ("TimeStampPrecision=NANOS", "timestamp_digits", 9),
    ("TimestampPrecision=Millisecond", "timestamp_digits", 3),
    ("MillisecondsInTimeStamp=N", "timestamp_digits", 0),
    ("SocketSendTimeout=2500", "slow_consumer_timeout", 2.5),
    ("SocketSendTimeout=0", "slow_consumer_timeout", 10),
    ("Username=me", "username", "me"),
    ("LogonTag=553=me", "username", "me"),
    ("LogonTag1=554=secret=x", "password", "secret=x"),
    ("UseDataDictionary=N", "validation", None),
    ("ValidateIncomingMessage=N", "validation", None),
    ("RejectInvalidMessage=N", "validation", ff.Validation("warn")),
    ("ValidateFieldsOutOfOrder=N", "validation", ff.Validation("reject", order=False)),
    ("ValidateUnorderedGroupFields=N", "validation", ff.Validation("reject", order=False)),
    ("ValidateFieldsHaveValues=N", "validation", ff.Validation("reject", empty=False)),
    ("ValidateUserDefinedFields=N", "validation", ff.Validation("reject", user_defined_tags=False)),
    ("AllowUnknownMsgFields=Y", "validation", ff.Validation("reject", unknown_tags=False)),
    ("AllowUnknownFieldValues=Y", "validation", ff.Validation("reject", codes=False)),
    ("ValidateUserDefinedFields=Y", "validation", ff.Validation("reject")),
    ("DataDictionary=FIX44.xml", "dictionary", None),
    ("DataDictionary=spec/FIX42.xml", "dictionary", "FIX.4.2"),
    ("NonStopSession=Y", "schedule", ff.Schedule.non_stop()),
    ("HostSelectionPolicy=ROUND_ROBIN", "heart_bt_int", 30),
]


@pytest.mark.parametrize(("line", "key", "value"), KEYS)
def test_a_setting_becomes_its_key(line: str, key: str, value: object, load: Any) -> None:
    one, said = load(f"{INITIATOR}{line}\n")
    assert one is not None, said
    assert getattr(one.config, key) == value
    assert not serious(said)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("HeartBtInt=30 # seconds",
         "'30 # seconds' is not allowed: a whole number (behind a value there are no comments)"),
        ("HeartBtInt=-1", "-1 is not allowed: a whole number from 0"),
        ("ResetOnLogon=perhaps", "'perhaps' is not allowed: Y or N"),
        ("ValidateFieldsOutOfOrder=0", "'0' is not allowed: Y or N"),
        ("TimestampPrecision=10", "'10' is not allowed: 0 to 9 digits, or SECONDS, MILLIS, MICROS, NANOS"),
        ("DefaultApplVerID=FIX.6", "'FIX.6' is not allowed: FIX.4.0 to FIX.5.0SP2, or an ApplVerID code from 2 to 10"),
        ("ReconnectInterval=soon", "'soon' is not allowed: seconds, or steps such as 5;3x10;60"),
        ("ReconnectInterval=-5", "'-5' is not allowed: seconds, or steps such as 5;3x10;60"),
        ("LogonTag=user", "*** is not allowed: tag=value"),
        ("LogonTag=x=secret", "*** is not allowed: tag=value"),
        ("HostSelectionPolicy=RANDOM", "'RANDOM' is not allowed: PRIORITY or ROUND_ROBIN"),
        ("StartTime=25:00:00\nEndTime=01:00:00",
         "'25:00:00' is not allowed: a local time, HH:MM or HH:MM:SS, 00:00 to 23:59:59"),
        ("StartTime=noon\nEndTime=01:00:00", "'noon' is not allowed: a time of day, HH:MM:SS"),
        ("StartTime=01:00:00", "EndTime is missing: both say when the session is open"),
        ("StartDay=mo\nEndDay=fr", "StartTime and EndTime is missing: both say when the session is open"),
        ("StartTime=01:00:00\nEndTime=02:00:00\nStartDay=mon", "EndDay is missing: both say how long the week is"),
        ("StartTime=01:00:00\nEndTime=02:00:00\nStartDay=m\nEndDay=fri",
         "'m' is not allowed: a day of the week in English (mo, mon, monday)"),
        ("StartTime=01:00:00\nEndTime=02:00:00\nWeekdays=Mon,Montag",
         "'Montag' is not allowed: a day of the week in English (mo, mon, monday)"),
        ("StartTime=01:00:00\nEndTime=02:00:00\nWeekdays=Mon\nStartDay=Mon",
         "Weekdays, or StartDay and EndDay: not both"),
        ("StartTime=01:00:00\nEndTime=02:00:00\nTimeZone=Mars/Base", "'Mars/Base' is not allowed: an IANA time zone"),
        ("StartTime=01:00:00 US/Central\nEndTime=02:00:00 US/Eastern",
         "StartTime and EndTime are in different time zones: give both in one"),
        ("SocketConnectPort1=x\nSocketConnectHost1=a", "'x' is not allowed: a whole number"),
        ("SocketConnectPort1=1\nSocketConnectHost1=", "hosts and ports come in pairs, numbered from 1 without a gap"),
        ("BeginString=FIX.9", "'FIX.9' is not allowed: one of FIX.4.0"),
        ("ConnectionType=both", "'both' is not allowed: initiator or acceptor"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(line: str, text: str, load: Any) -> None:
    _, said = load(f"{INITIATOR}{line}\n")
    assert any((text in one and " 9: " in one) or (text in one and " 1" in one) for one in serious(said)), said
    assert "secret" not in "".join(said)


def test_what_is_missing_is_named_by_its_setting(load: Any) -> None:
    _, said = load("[SESSION]\nConnectionType=initiator\n")
    missing = ("BeginString", "SenderCompID", "TargetCompID", "SocketConnectHost", "SocketConnectPort")
    assert [line for line in said if line.startswith("error")] == [
        f"error 1: : {name} is missing{': an initiator has one' if name.startswith('Socket') else ''}"
        for name in missing
    ]
    _, said = load("[SESSION]\nBeginString=FIX.4.4\nSenderCompID=A\nTargetCompID=B\n")
    assert "error 1: : ConnectionType is missing: initiator or acceptor" in said
    _, said = load(ACCEPTOR.replace("SocketAcceptPort=9878\n", ""))
    assert "error 3: : SocketAcceptPort is missing: an acceptor has one" in said


def test_extra_logon_fields_keep_their_order(load: Any) -> None:
    one, _ = load(INITIATOR + "LogonTag1=9406=Y\nLogonTag=96=secret\nLogonTag2=25035=1\nLogonTag10=1=z\n")
    assert one is not None
    assert one.config.logon is not None
    assert one.config.logon(None) == ((96, "secret"), (9406, "Y"), (25035, "1"), (1, "z"))
    assert "secret" not in repr(one)


SCHEDULES = [
    ("StartTime=12:30:00\nEndTime=23:30:00", ff.Schedule.daily("12:30", "23:30", tz="UTC")),
    ("StartTime=00:00:00\nEndTime=00:00:00", ff.Schedule.daily("00:00", "00:00", tz="UTC")),
    ("StartTime=8:00:00\nEndTime=7:00", ff.Schedule.daily("08:00", "07:00", tz="UTC")),
    ("StartTime=17:00:00\nEndTime=16:45:00\nStartDay=sunday\nEndDay=fri\nTimeZone=America/New_York",
     ff.Schedule.weekly(("SUN", "17:00"), ("FRI", "16:45"), tz="America/New_York")),
    ("StartTime=01:00:00\nEndTime=02:00:00\nWeekdays=Mon, tue,FRIDAY",
     ff.Schedule.weekdays(("MON", "TUE", "FRI"), "01:00", "02:00", tz="UTC")),
    ("StartTime=01:00:00 US/Central\nEndTime=02:00:00 US/Central",
     ff.Schedule.daily("01:00", "02:00", tz="US/Central")),
    ("StartTime=01:00:00\nEndTime=02:00:00\nTimeZone=W. Europe Standard Time",
     ff.Schedule.daily("01:00", "02:00", tz="Europe/Berlin")),
    ("StartTime=01:00:00\nEndTime=09:00:00\nLogonTime=02:00:00\nLogoutTime=08:00:00",
     ff.Schedule.daily("01:00", "09:00", tz="UTC", logon=ff.Schedule.daily("02:00", "08:00", tz="UTC"))),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "schedule"), SCHEDULES)
def test_hours_become_a_schedule(lines: str, schedule: ff.Schedule, load: Any) -> None:
    one, said = load(f"{INITIATOR}{lines}\n")
    assert one is not None, said
    assert one.config.schedule == schedule


def test_local_time_is_that_of_the_machine(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    one, said = load(f"{INITIATOR}StartTime=01:00:00\nEndTime=02:00:00\nUseLocalTime=Y\n")
    assert one is not None
    assert one.config.schedule == ff.Schedule.daily("01:00", "02:00", tz="Asia/Tokyo")
    assert "note 11: UseLocalTime: the time zone of this machine is Asia/Tokyo" in said


def test_addresses_become_a_connection(load: Any) -> None:
    more = (
        "SocketConnectHost1=b\nSocketConnectPort1=1\nSocketConnectHost2=c\nSocketConnectPort2=2\nSocketConnectHost4=d\n"
    )
    one, said = load(INITIATOR + more + "ReconnectInterval=5\nSocketConnectTimeout=7\n")
    assert one is not None
    assert one.connection == ff.ConnectionConfig(
        "fix.example.com", 9878, None, 7,
        ff.Reconnect(initial=5, maximum=5, factor=1, retry_first=True, max_refusals=None),
        alternatives=(("b", 1), ("c", 2)),
    )  # fmt: skip
    assert [line.split(" is not used")[0] for line in serious(said)] == ["warning 13: SocketConnectHost4:"]
    one, _ = load(INITIATOR + "ReconnectInterval=5;3x10;60\n")
    assert one is not None
    assert one.connection is not None
    assert (one.connection.reconnect.initial, one.connection.reconnect.maximum) == (5, 60)


def test_an_acceptor_listens_everywhere_unless_it_is_told(load: Any) -> None:
    one, _ = load(ACCEPTOR)
    assert one is not None
    assert one.listen is not None
    assert (one.role, one.listen.host, one.listen.port, one.connection) == (ff.Role.ACCEPTOR, None, 9878, None)
    one, _ = load(ACCEPTOR + "SocketAcceptAddress=10.0.0.1\nAllowedRemoteAddresses=10.0.0.2, 10.1.0.0/16\n")
    assert one is not None
    assert one.listen is not None
    assert (one.listen.host, one.listen.allow) == ("10.0.0.1", ("10.0.0.2", "10.1.0.0/16"))


def test_proxies_and_source_addresses(load: Any) -> None:
    lines = "ProxyType=socks\nProxyVersion=5\nProxyHost=p\nProxyPort=1080\nProxyUser=u\nProxyPassword=hunter2\n"
    one, said = load(INITIATOR + lines + "SocketLocalHost=192.0.2.7\nSocketLocalPort=4000\n")
    assert one is not None
    assert one.connection is not None
    assert one.connection.proxy == ProxyConfig("socks5", "p", 1080, "u", "hunter2")
    assert one.connection.source == "192.0.2.7"
    assert serious(said) == [
        "warning 16: SocketLocalPort: is not supported: a port that was used is not free again for minutes"
    ]
    for more in ("ProxyVersion=4a", "ProxyType=ntlm"):
        _, said = load(INITIATOR + lines + more + "\n")
        assert any("is not supported: http, or socks with ProxyVersion=5" in line for line in said)
    assert "hunter" not in "".join(said)


def test_the_proxy_protocol_is_taken_from_named_load_balancers_only(load: Any) -> None:
    one, said = load(ACCEPTOR + "UseTCPProxy=Y\nTrustedProxyAddresses=10.0.0.1,10.0.1.0/24\n")
    assert one is not None, said
    assert one.listen is not None
    assert one.listen.proxies == ("10.0.0.1", "10.0.1.0/24")
    _, said = load(ACCEPTOR + "UseTCPProxy=Y\n")
    assert any("TrustedProxyAddresses is missing" in line for line in said)


def test_templates_stand_for_many_sessions(load: Any) -> None:
    one, said = load(ACCEPTOR.replace("THEM", "DESK*") + "AcceptorTemplate=Y\n")
    assert one is not None
    assert one.is_template
    assert one.fits(ff.SessionID("FIX.4.4", "US", "DESK7"))
    assert not one.fits(ff.SessionID("FIX.4.4", "US", "OTHER"))
    assert not serious(said)
    one, said = load(ACCEPTOR + "AcceptorTemplate=Y\n")
    assert one is not None
    assert one.config.target_comp_id == "*"
    assert "anybody may log on, to US" in serious(said)[0]


def test_fixt_has_dictionaries_by_version(load: Any, tmp_path: Path) -> None:
    source = Path(ff.__file__).parent / "dictionary" / "spec"
    for name in ("FIX50SP2.xml", "FIXT11.xml"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    one, said = load(
        FIXT + "DefaultApplVerID=FIX.5.0SP2\nTransportDataDictionary=FIXT11.xml\nAppDataDictionary=FIX50SP2.xml\n"
        "AppDataDictionary.FIX.4.4=nowhere/FIX44.xml\n"
    )
    assert one is not None, said
    found = one.config.dictionary
    assert isinstance(found, ff.DictionarySet)
    assert found.default == "9"
    assert found.choose("FIXT.1.1", "D", None).source is found.dictionaries["9"]
    assert one.config.default_appl_ver_id == "9"
    one, _ = load(FIXT + "DefaultApplVerID=7\n")
    assert one is not None
    assert (one.config.dictionary, one.config.default_appl_ver_id) == (None, "7")


def test_files_become_a_journal_and_a_log(load: Any, tmp_path: Path) -> None:
    one, said = load(INITIATOR + "FileStorePath=store\nFileLogPath=log\nFileStoreSync=Y\nSenderSubID=A/B\n")
    assert one is not None
    assert one.stored == type(one.stored)(str(tmp_path / "store"), sync="group")
    assert one.log is not None
    assert one.log.path == str(tmp_path / "log" / "FIX.4.4-US_A_B-THEM.log")
    assert any("fixfast config convert --numbers" in line for line in said)
    one, said = load(INITIATOR + "JdbcURL=jdbc:x:secret\nJdbcUser=sa\nJdbcPassword=secret\n")
    assert one is not None
    assert type(one.stored).__name__ == "JournalChoice"
    assert [line for line in said if "stores in such a database are not supported" in line]
    assert "secret" not in "".join(said)
    one, said = load(INITIATOR)
    assert one is not None
    assert type(one.stored).__name__ == "MemoryChoice"


def test_what_is_not_persisted_is_gap_filled(load: Any) -> None:
    one, _ = load(INITIATOR + "PersistMessages=N\n")
    assert one is not None
    assert one.config.on_resend is not None
    assert one.config.on_resend(None, None, 0) is False


def test_the_environment_is_put_in(load: Any) -> None:
    one, _ = load(INITIATOR + "Password=${SECRET}\n", SECRET="hunter2")
    assert one is not None
    assert one.config.password == "hunter2"


# --- whole files ----------------------------------------------------------------------------------------------------

FILES = {
    "several ECNs": """
# default settings for sessions
[DEFAULT]
ConnectionType=initiator
ReconnectInterval=60
SenderCompID=TW
FileStorePath=store
FileLogPath=log

# session definition
[SESSION]
BeginString=FIX.4.1
TargetCompID=ECN1
StartTime=12:30:00
EndTime=23:30:00
HeartBtInt=20
SocketConnectPort=9823
SocketConnectHost=192.0.2.1
DataDictionary=somewhere/FIX41.xml

[SESSION]
BeginString=FIX.4.2
TargetCompID=ECN2
StartTime=12:30:00
EndTime=21:30:00
# another one than the default
ReconnectInterval=30
HeartBtInt=30
SocketConnectPort=6523
SocketConnectHost=192.0.2.3
SocketConnectPort1=8392
SocketConnectHost1=192.0.2.8
DataDictionary=somewhere/FIX42.xml
""",
    "executor": """[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=5001
SocketReuseAddress=Y
StartTime=00:00:00
EndTime=00:00:00
FileLogPath=log
FileStorePath=store
ResetOnLogon=Y

[SESSION]
BeginString=FIX.4.2
SenderCompID=EXECUTOR
TargetCompID=CLIENT1
DataDictionary=../spec/FIX42.xml

[SESSION]
BeginString=FIX.4.4
SenderCompID=EXECUTOR
TargetCompID=CLIENT1
DataDictionary=../spec/FIX44.xml
""",
    "a Java client": """
[default]
FileStorePath=target/data/client
ConnectionType=initiator
SenderCompID=CLIENT
TargetCompID=EXEC
SocketConnectHost=localhost
StartTime=00:00:00
EndTime=00:00:00
HeartBtInt=30
ReconnectInterval=5
UseJmx=N
TimeZone=Europe/Paris

[session]
BeginString=FIX.4.0
SocketConnectPort=9876

[session]
BeginString=FIXT.1.1
DefaultApplVerID=FIX.5.0
SocketConnectPort=9881
LogonTag=553=me
LogonTag1=554=secret
LogonTag2=9406=Y
""",
    "a broker, hours in New York": """[DEFAULT]
ConnectionType=initiator
BeginString=FIX.4.4
TimeZone=America/New_York
StartDay=Sunday
StartTime=17:05:00
EndDay=Friday
EndTime=17:00:00
UseDataDictionary=N
MillisecondsInTimeStamp=Y
CheckLatency=N
PersistMessages=N
[SESSION]
SenderCompID=A
TargetCompID=QUOTES
SocketConnectHost=quotes.example.com
SocketConnectPort=443
[SESSION]
SenderCompID=A
TargetCompID=ORDERS
SocketConnectHost=orders.example.com
SocketConnectPort=443
ResetOnLogon=Y
""",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_converted_loads_to_the_same_options(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.cfg").write_text(FILES[name])
    before = ff.load_config("x.cfg")
    Path("elsewhere").mkdir()
    Path("elsewhere/x.toml").write_text(
        to_toml_text(convert(FILES[name].encode(), "x.cfg"), str(tmp_path / "elsewhere"))
    )
    assert ff.load_config("elsewhere/x.toml") == before
    text = Path("elsewhere/x.toml").read_text()
    assert (
        "# line 3: ConnectionType" in text or "# line 2: ConnectionType" in text or "# line 4: ConnectionType" in text
    )
    assert "[defaults]" in text


LINES = [line for line, _, _ in KEYS] + [line for line, _ in SCHEDULES] + [
    "SocketConnectHost1=b\nSocketConnectPort1=7", "ReconnectInterval=5;3x10;60", "ReconnectInterval=7",
    "FileStorePath=s",
    "FileStorePath=s\nFileStoreSync=Y", "FileLogPath=l", "LogonTag=9406=Y", "LogonTag1=96=${A}", "PersistMessages=N",
    "SocketUseSSL=Y", "CertificationAuthoritiesFile=ca.pem", "SocketCAFile=ca.pem\nSocketServerName=x", "JdbcURL=x",
    "SocketConnectTimeout=3", "CheckCompID=N", "Nonsense=1",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=6), st.lists(st.sampled_from(LINES), max_size=3), st.booleans())
def test_whatever_loads_is_converted_to_the_same(default: list[str], own: list[str], acceptor: bool) -> None:
    base = (ACCEPTOR if acceptor else INITIATOR).splitlines()
    second = [line.replace("THEM", "OTHERS") for line in base[base.index("[SESSION]") :]]
    text = "\n".join([base[0], *default, *base[1:], *own, *second])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.cfg")
        path.write_text(text)
        before = look_at_config(path, environ={"A": "a"})
        if before.settings is None:
            assert before.errors
            return
        Path(folder, "x.toml").write_text(to_toml_text(convert(text.encode(), str(path)), folder))
        assert ff.load_config(Path(folder, "x.toml"), environ={"A": "a"}) == before.settings
