//go:build !linux

package ffmpeg

func escape() {}

func addAttacks() {}
