"""Every setting of QuickFIX (C++), QuickFIX/J, QuickFIX/n and quickfixgo: what it becomes, or why not and what to do.

This is the table that docs/quickfix.md is made of, and by which `fixfast config check` speaks. Each line of it is

    Name | engines | what it becomes | text

Engines: C (C++), J, N, G (Go). What it becomes is one of

    key           the key of a session in a configuration file, the value as it is
    key (how)     the same, with the value converted; how: see convert.py
    *part         one of several settings that together become something: see parts.py
    same          nothing: that is how fixfast is. `same =Y`: ... if the value is Y; any other is not supported
    no            not supported. `no =N`: ... unless the value is N, which is how fixfast is
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from fixfast.engine.settings.remarks import nearest

__all__ = ["ENGINES", "SETTINGS", "Setting", "nearest_setting", "setting_of"]

ENGINES = {"C": "QuickFIX", "J": "QuickFIX/J", "N": "QuickFIX/n", "G": "quickfixgo"}

_TABLE = """
# Identity
BeginString | CJNG | begin_string |
SenderCompID | CJNG | sender_comp_id |
TargetCompID | CJNG | target_comp_id |
SenderSubID | JNG | sender_sub_id |
SenderLocationID | JNG | sender_location_id |
TargetSubID | JNG | target_sub_id |
TargetLocationID | JNG | target_location_id |
SessionQualifier | CJNG | qualifier |
DefaultApplVerID | CJNG | default_appl_ver_id (version) |
ConnectionType | CJNG | *role | `role`
Description | J | same | A remark for people.

# Hours
StartTime | CJNG | *schedule | `schedule.start`; in UTC unless there is a time zone
EndTime | CJNG | *schedule | `schedule.end`
StartDay | CJNG | *schedule | `schedule.days`, of a session that lasts a week
EndDay | CJNG | *schedule | `schedule.end_day`
Weekdays | JNG | *schedule | `schedule.days`
TimeZone | JNG | *schedule | `schedule.tz`, an IANA name; the common names of Windows are translated
UseLocalTime | CN | *schedule | Y: `schedule.tz` is the time zone of this machine
NonStopSession | CJN | *schedule | Y: `schedule = "non-stop"`
LogonTime | C | *schedule | `schedule.logon.start`
LogoutTime | C | *schedule | `schedule.logon.end`
LogonDay | C | *schedule | `schedule.logon.days`
LogoutDay | C | *schedule | `schedule.logon.end_day`
EnableResetSeqTime | G | no =N | A session that is reset while it is connected: call `session.reset()` at that time.
ResetSeqTime | G | no | See EnableResetSeqTime.

# The conversation
HeartBtInt | CJNG | heart_bt_int (count) |
HeartBtIntOverride | G | no =N | An acceptor answers with the initiator's HeartBtInt, as FIX has it;
    `heart_bt_int_policy` says which are taken.
LogonTimeout | CJNG | logon_timeout (seconds) |
LogoutTimeout | CJNG | logout_timeout (seconds) | Without it: 10 seconds, QuickFIX's are 2.
LogonTag | J | *logon | `username`, `password`, `new_password` for 553, 554, 925; others become fields of `logon`
Username | | username | Not a setting of the engines; many programs read it and put it into the Logon.
Password | | password | As Username.
ResetOnLogon | CJNG | reset_on_logon (flag) |
ResetOnLogout | CJNG | reset_on_logout (flag) |
ResetOnDisconnect | CJNG | reset_on_disconnect (flag) |
SendResetSeqNumFlag | C | same | ResetSeqNumFlag(141) is sent where a reset makes it due.
RefreshOnLogon | CJNG | no =N | A session has one owner, whose numbers are right in its memory. To take over, stop
    the one process and start the other on the same store.
ResetOnError | J | no =N | An error ends the connection, never the numbers.
DisconnectOnError | J | no =N | An exception in a callback is logged, and the session goes on.
SendRedundantResendRequests | CJN | no =N | A gap is asked for once, and again when `resend_timeout` is over.
SendNextExpectedMsgSeqNum | C | next_expected_msg_seq_num (next) | Y: "use"
EnableNextExpectedMsgSeqNum | JG | next_expected_msg_seq_num (next) | Y: "use"
EnableLastMsgSeqNumProcessed | JNG | last_msg_seq_num_processed (flag) |
ClosedResendInterval | J | resend_range (closed) | Y: "closed"
ResendRequestChunkSize | JG | resend_chunk (count) |
MaxMessagesInResendRequest | N | resend_chunk (count) |
IgnorePossDupResendRequests | N | no =N | A repeated ResendRequest is answered; `max_repeated_requests` bounds how
    often.
ResendSessionLevelRejects | N | no =N | Session messages are gap-filled, as FIX has it.
SendLogoutBeforeDisconnectFromTimeout | N | dead_peer (dead) | Y: "logout", N: "close"
DisableHeartBeatCheck | J | no =N | A peer that is silent is asked with a TestRequest, then given up. HeartBtInt=0
    has no heartbeats at all.
TestRequestDelayMultiplier | J | no | A silent peer gets a TestRequest after HeartBtInt and 20 %, and is given up
    after as long again.
HeartBeatTimeoutMultiplier | J | no | See TestRequestDelayMultiplier.
PersistMessages | CJNG | on_resend (persist) | N: "gap-fill"; messages are stored all the same, for looking them up
ForceResendWhenCorruptedStore | J | no =N | A stored message that is damaged is gap-filled, with an Alarm.
TimestampPrecision | CN | timestamp_digits (digits) |
TimeStampPrecision | J | timestamp_digits (digits) |
TimeStampPrecision | G | timestamp_digits (digits) |
MillisecondsInTimeStamp | CJN | timestamp_digits (millis) | N: 0
PreserveMessageFieldsOrder | C | same | Fields keep the order they came in, and are sent in the order they are given
    in.
AllowPosDup | J | no =N | PossDupFlag is the session's: what is resent has it, nothing else.
InChanCapacity | G | no | `queue_limit` bounds what is kept while older messages are missing.

# Dictionaries and validation
UseDataDictionary | CJN | *validation | N: `validation = "none"`, and the standard's dictionary for groups
DataDictionary | CJNG | *dictionary | `dictionary`
AppDataDictionary | CJNG | *dictionary | the dictionary of DefaultApplVerID; AppDataDictionary.FIX.4.4 that of
    another version
TransportDataDictionary | CJNG | *dictionary | `dictionary.transport`
ValidateFieldsOutOfOrder | CJNG | *validation | `validation.order`
ValidateUnorderedGroupFields | J | *validation | `validation.order`: one switch for the order of sections and of
    groups
ValidateFieldsHaveValues | CJN | *validation | `validation.empty`
ValidateUserDefinedFields | CJN | *validation | `validation.user_defined_tags`
AllowUnknownMsgFields | CJNG | *validation | Y: `validation.unknown_tags = false`
AllowUnknownMessageFields | G | *validation | Y: `validation.unknown_tags = false`
AllowUnknownFieldValues | N | *validation | Y: `validation.codes = false`
CheckUserDefinedFields | G | *validation | `validation.user_defined_tags`
ValidateIncomingMessage | J | *validation | N: `validation = "none"`
RejectInvalidMessage | JG | *validation | N: `validation.mode = "warn"`: the message is delivered
FirstFieldInGroupIsDelimiter | J | same | The first field of an entry begins the next one, whatever the dictionary
    says it should be.
CheckLatency | CJNG | check_latency (flag) |
MaxLatency | CJNG | sending_time_tolerance (seconds) |
CheckCompID | CJ | no =Y | Messages with other CompIDs than the session's end it.
RequiresOrigSendingTime | JN | no =Y | A PossDup message without OrigSendingTime(122) is rejected.
ValidateSequenceNumbers | J | no =Y | Without sequence numbers there is no session. For market data over lossy
    lines: `reset_on_logon`, `queue_limit = 0`.
ValidateLengthAndChecksum | CN | no =Y | What has a wrong length or checksum is no message; `max_garbled` says how
    many are borne.
ValidateChecksum | J | no =Y | See ValidateLengthAndChecksum.
RejectGarbledMessage | J | no =N | A garbled message is ignored, as FIX has it, and asked for when the next one
    shows the gap.
RejectMessageOnUnhandledException | J | no =N | An exception in a callback is logged; raise `ff.BusinessReject` to
    answer with one.

# Initiators
SocketConnectHost | CJNG | *connect | `connection.host`; SocketConnectHost1, ...: `connection.alternatives`
SocketConnectPort | CJNG | *connect | `connection.port`; SocketConnectPort1, ...: `connection.alternatives`
SocketConnectTimeout | J | connection.connect_timeout (seconds) |
SocketTimeout | G | connection.connect_timeout (duration) |
SocketConnectProtocol | J | no =TCP | There is no VM_PIPE: TCP over the loopback.
SocketConnectSourceHost | C | *source | `connection.source`: an address
SocketConnectSourcePort | C | *source | Not supported: a port that was used is not free again for minutes.
SocketLocalHost | J | *source | `connection.source`: an address
SocketLocalPort | J | *source | Not supported, as SocketConnectSourcePort.
ReconnectInterval | CJNG | *reconnect | `connection.reconnect`; of a list of steps (5;3x10;60) the first and the
    last: waits grow from one to the other
HostSelectionPolicy | C | *policy | PRIORITY and ROUND_ROBIN: `connection.alternatives` are tried in turn, from the
    one that was logged on
HostSelectionPolicy.Priority.StartOverInterval | C | *policy | Not supported: after a logon that address is tried
    first, until it fails.
SocketIgnoreProxy | N | same | There is a proxy only where `connection.proxy` names one.
DynamicSession | J | same | Call `settings.connect(name)` when it is wanted: nothing connects by itself.

# Acceptors
SocketAcceptPort | CJNG | listen.port (count) |
SocketAcceptHost | NG | listen.host |
SocketAcceptAddress | J | listen.host |
SocketAcceptProtocol | J | no =TCP | There is no VM_PIPE: TCP over the loopback.
SocketReuseAddress | CJ | same | SO_REUSEADDR is set.
AllowedRemoteAddresses | J | listen.allow (list) | Addresses and networks; no host names.
AcceptorTemplate | J | *template | Y: a template for sessions that are not listed; a CompID of `*` is anybody
DynamicSessions | G | *template | Not supported: a [SESSION] with AcceptorTemplate=Y says which.
DynamicQualifier | G | no =N | Two connections of one identity are refused: give them SenderSubIDs, or CompIDs.
UseTCPProxy | G | *proxied | Y: the PROXY protocol of a load balancer, from the addresses of TrustedProxyAddresses
    only
TrustedProxyAddresses | | *proxied | the addresses of load balancers that speak the PROXY protocol
LogMessageWhenSessionNotFound | J | same | Strangers are counted and logged, once a second at most.
ContinueInitializationOnError | J | no =N | All mistakes of a file are told at once, and nothing starts with one of
    them.

# TLS, files in PEM
SocketUseSSL | JG | *tls | Y: `tls`
SSLEnable | N | *tls | Y: `tls`
ServerCertificateFile | C | *tls | acceptor: `listen.tls.certificate`
ServerCertificateKeyFile | C | *tls | acceptor: `listen.tls.key`
ClientCertificateFile | C | *tls | initiator: `connection.tls.certificate`
ClientCertificateKeyFile | C | *tls | initiator: `connection.tls.key`
CertificationAuthoritiesFile | C | *tls | initiator: `connection.tls.ca_file`, acceptor: `listen.tls.client_ca`
CertificationAuthoritiesDirectory | C | *tls | Not supported: one file with all of them (`cat *.pem > ca.pem`),
    CertificationAuthoritiesFile.
CertificateVerifyLevel | C | *tls | acceptor: 0 no client certificates, 1 `client_certificate = "optional"`, 2
    `"required"`. The initiator always verifies.
CertificateRevocationListFile | C | *tls | Not supported: use certificates that live for days.
CertificateRevocationListDirectory | C | *tls | See CertificateRevocationListFile.
SSLProtocol | C | *tls | TLS 1.2 and later are spoken, whatever it says; a list of nothing older becomes
    `minimum_version`
SSLCipherSuite | C | *tls | `tls.ciphers`, which must have some that TLS 1.2 knows
SocketPrivateKeyFile | G | *tls | `tls.key`
SocketCertificateFile | G | *tls | `tls.certificate`
SocketCAFile | G | *tls | initiator: `connection.tls.ca_file`, acceptor: `listen.tls.client_ca`
SocketServerName | G | *tls | `connection.tls.server_name`
SocketInsecureSkipVerify | G | *tls | Not supported: name the certificate to trust in `tls.ca_file`.
SocketMinimumTLSVersion | G | *tls | `tls.minimum_version`

# TLS, key stores
SocketKeyStore | J | *keystore | Not read: PKCS#12 and JKS are converted to PEM with one command, which `check` names
SocketKeyStorePassword | J | *keystore | Only for that command: the key may stay encrypted, with `tls.key_password`
SocketKeyStoreBytes | J | *keystore | As SocketKeyStore.
KeyStoreType | J | *keystore | Decides which command.
KeyManagerFactoryAlgorithm | J | same | Of Java only.
SocketTrustStore | J | *keystore | As SocketKeyStore, for `tls.ca_file` or `tls.client_ca`.
SocketTrustStorePassword | J | *keystore | Only for that command.
SocketTrustStoreBytes | J | *keystore | As SocketTrustStore.
TrustStoreType | J | *keystore | Decides which command.
TrustManagerFactoryAlgorithm | J | same | Of Java only.
NeedClientAuth | J | *tls | Y: `listen.tls.client_certificate = "required"`
EnabledProtocols | J | *tls | As SSLProtocol.
CipherSuites | J | *tls | Not taken over: Java's names are not OpenSSL's. The defaults are good ones; `tls.ciphers`.
UseSNI | J | no =Y | The server's name is always sent.
SNIHostName | J | *tls | `connection.tls.server_name`
EndpointIdentificationAlgorithm | J | same | The host name is always checked; where it differs:
    `connection.tls.server_name`.
SSLServerName | N | *tls | `connection.tls.server_name`
SSLProtocols | N | *tls | As SSLProtocol.
SSLValidateCertificates | N | *tls | N is not supported: name the certificate to trust in `tls.ca_file`.
SSLCheckCertificateRevocation | N | no =N | Revocation lists are not looked at: use certificates that live for days.
SSLCertificate | N | *keystore | A .pfx file is PKCS#12: see SocketKeyStore. A name in the store of Windows: export
    it as .pfx first.
SSLCertificatePassword | N | *keystore | As SocketKeyStorePassword.
SSLRequireClientCertificate | N | *tls | Y: `listen.tls.client_certificate = "required"`
SSLCACertificate | N | *tls | A file in PEM: `tls.ca_file`, `tls.client_ca`; .cer in DER: `openssl x509 -inform der
    -in x.cer -out x.pem`.

# Proxies
ProxyType | JG | *proxy | `connection.proxy.kind`
ProxyVersion | J | *proxy | socks 5, http 1.1; SOCKS 4 is not supported
ProxyHost | JG | *proxy | `connection.proxy.host`
ProxyPort | JG | *proxy | `connection.proxy.port`
ProxyUser | JG | *proxy | `connection.proxy.username`
ProxyPassword | JG | *proxy | `connection.proxy.password`
ProxyDomain | J | no | NTLM is not supported: a proxy that takes Basic, or a local one before it.
ProxyWorkstation | J | no | See ProxyDomain.

# Sockets
SocketNodelay | CN | no =Y | TCP_NODELAY is always set: a message goes out at once.
SocketTcpNoDelay | J | no =Y | See SocketNodelay.
SocketSendBufferSize | CJN | same | The system sizes its buffers by itself.
SocketReceiveBufferSize | CJN | same | The system sizes its buffers by itself.
SendBufferSize | C | same | The system sizes its buffers by itself.
ReceiveBufferSize | C | same | The system sizes its buffers by itself.
SocketSendTimeout | N | slow_consumer_timeout (milliseconds) |
SocketReceiveTimeout | N | same | Heartbeats say when a peer is gone.
SocketKeepAlive | J | same | Heartbeats say when a peer is gone.
SocketOobInline | J | same | FIX has no urgent data.
SocketLinger | J | same | A Logout is waited for; then the connection is closed in order.
SocketTrafficClass | J | no | To be set where packets are routed.
SocketSynchronousWrites | J | same | What is sent is handed to the system at once where it takes it.
SocketSynchronousWriteTimeout | J | slow_consumer_timeout (milliseconds) |
MaxScheduledWriteRequests | J | no =0 | `send_queue_bytes` and `slow_consumer_timeout` say when a slow peer is
    dropped.

# Stores
FileStorePath | CJNG | *store | `store.path` of a journal. The numbers in the old files: `fixfast config convert
    --numbers`
FileStoreSync | JG | *store | Y: `store.sync = "group"`
FileStoreMaxCachedMsgs | J | same | A journal keeps an index of a few bytes a message.
{stores}

# Logs
FileLogPath | CJNG | *log | `log.path`, a file of that folder for each session
FileLogBackupPath | C | no | A log is never overwritten.
FileLogHeartbeats | J | same | Every message is logged.
FileIncludeMilliseconds | J | same | Times have microseconds.
FileIncludeTimeStampForMessages | J | same | Every line has its time.
DebugFileLogPath | N | same | The logger `fixfast.engine` says what happens outside of sessions.
DebugLogFilePath | N | same | See DebugFileLogPath.
ScreenLogShowIncoming | CJN | same | Configure the logger `fixfast.engine`; messages are in the wire log: `fixfast
    decode`.
ScreenLogShowOutgoing | CJN | same | See ScreenLogShowIncoming.
ScreenLogShowEvents | CJN | same | See ScreenLogShowIncoming.
ScreenLogEvents | J | same | See ScreenLogShowIncoming.
ScreenLogShowHeartBeats | J | same | See ScreenLogShowIncoming.
ScreenIncludeMilliseconds | J | same | See ScreenLogShowIncoming.
SLF4JLogEventCategory | J | same | Loggers of Python: `fixfast.engine`.
SLF4JLogErrorEventCategory | J | same | Loggers of Python: `fixfast.engine`.
SLF4JLogIncomingMessageCategory | J | same | Loggers of Python: `fixfast.engine`.
SLF4JLogOutgoingMessageCategory | J | same | Loggers of Python: `fixfast.engine`.
SLF4JLogPrependSessionID | J | same | Every record names its session.
SLF4JLogHeartbeats | J | same | Every message is logged.
{logs}

# The process
HttpAcceptPort | C | no | `fixfast ctl` looks into a running process and controls it.
UseJmx | J | no =N | `fixfast ctl` looks into a running process and controls it.
ThreadModel | J | same | One event loop for all sessions.
"""

_STORES = {
    "MySQLStore": ("C", "Database User Password Host Port UseConnectionPool"),
    "PostgreSQLStore": ("C", "Database User Password Host Port UseConnectionPool"),
    "OdbcStore": ("C", "User Password ConnectionString"),
    "SQLStore": ("G", "Driver DataSourceName ConnMaxLifetime"),
    "MongoStore": ("G", "Connection Database ReplicaSet"),
    "Jdbc": ("J", "DataSourceName Driver URL User Password StoreMessagesTableName StoreSessionsTableName"),
    "JdbcSession": ("J", "IdDefaultPropertyValue"),
    "JdbcM": ("J", "axActiveConnection inIdleConnection axActiveTime axConnectionLifeTime"),
    "JdbcConnection": ("J", "Timeout IdleTimeout KeepaliveTime TestQuery"),
    "JdbcSimultaneous": ("J", "BuildThrottle"),
    "Jndi": ("J", "ContextFactory ProviderURL"),
    "Sleepycat": ("J", "DatabaseDir MessageDbName SequenceDbName"),
}
_LOGS = {
    "MySQLLog": ("C", "Database User Password Host Port UseConnectionPool IncomingTable OutgoingTable EventTable"),
    "PostgreSQLLog": ("C", "Database User Password Host Port UseConnectionPool IncomingTable OutgoingTable EventTable"),
    "PostgresSQLLog": ("C", "IncomingTable OutgoingTable EventTable"),
    "OdbcLog": ("C", "User Password ConnectionString IncomingTable OutgoingTable EventTable"),
    "JdbcLog": ("J", "HeartBeats IncomingTable OutgoingTable EventTable"),
    "SQLLog": ("G", "Driver DataSourceName ConnMaxLifetime"),
    "MongoLog": ("G", "Connection Database ReplicaSet"),
}


class Setting(NamedTuple):
    """One row of the table.

    Attributes:
        name: as the engines write it.
        engines: those that know it, letters of ENGINES; "": none, but files have it.
        kind: "key", "part", "same" or "no".
        key: for "key": the key it becomes; for "part": which part.
        how: for "key": how its value is converted.
        harmless: for "same" and "no": the value that is as fixfast is, "" where there is none.
        text: what it becomes, why it is not supported, what to do instead.
        group: the heading it stands under.
    """

    name: str
    engines: str
    kind: str
    key: str
    how: str
    harmless: str
    text: str
    group: str

    @property
    def secret(self) -> bool:
        """Whether its value is shown to nobody."""
        return bool(re.search(r"Password|LogonTag|ConnectionString|DataSourceName|JdbcURL|MongoStoreConn", self.name))


def _rows() -> dict[str, Setting]:
    database = "A journal takes its place (`store`); `fixfast config convert --numbers` cannot read the numbers."
    written = "Messages are logged to a file: `log.path`."
    lines = {
        "stores": [f"{start}{end} | {engine} | *database | {database}"
                   for start, (engine, ends) in _STORES.items() for end in ends.split()],
        "logs": [f"{start}{end} | {engine} | no | {written}"
                 for start, (engine, ends) in _LOGS.items() for end in ends.split()],
    }  # fmt: skip
    found: dict[str, Setting] = {}
    group = ""
    table = _TABLE.replace("\n    ", " ")
    for line in table.format(**{name: "\n".join(rows) for name, rows in lines.items()}).splitlines():
        if line.startswith("# "):
            group = line[2:]
        elif line:
            name, engines, becomes, text = (part.strip() for part in line.split("|"))
            before = found.get(name.lower())
            if before is not None:  # spelled another way by another engine
                found[name.lower()] = before._replace(engines=before.engines + engines)
                continue
            match = re.fullmatch(r"(\*)?([\w.]+)(?: \((\w+)\))?(?: =(\w+))?", becomes)
            assert match is not None, line
            part, key, how, harmless = match.groups()
            kind = "part" if part else key if key in ("same", "no") else "key"
            key = "" if kind in ("same", "no") else key
            found[name.lower()] = Setting(name, engines, kind, key, how or "", harmless or "", text, group)
    return found


#: name in lower case -> its row. C++ and .NET take a name in any case; Java does not.
SETTINGS: Mapping[str, Setting] = _rows()

_NUMBERED = re.compile(r"(SocketConnectHost|SocketConnectPort|LogonTag)\d+", re.I)


def setting_of(name: str) -> Setting | None:
    """Return the row of a setting, None if no engine knows it. SocketConnectHost2 has the row of SocketConnectHost."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered is not None:
        name = numbered[1]
    elif name.lower().startswith("appdatadictionary."):
        name = "AppDataDictionary"
    return SETTINGS.get(name.lower())


def nearest_setting(name: str) -> str:
    """Return the setting that is most like a name, "" where none is."""
    return nearest(name, [setting.name for setting in SETTINGS.values()])
