package sandbox

import "golang.org/x/sys/unix"

const machine = unix.AUDIT_ARCH_AARCH64

func refusedHere() []uint32 { return nil }

func conditionalsHere() []conditional { return nil }
