"""Which dictionary describes a message: BeginString, ApplVerID(1128), the MsgType's default, DefaultApplVerID(1137)."""
