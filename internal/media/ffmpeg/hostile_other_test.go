//go:build !linux

package ffmpeg

func escape() {}
