package uploader

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filmcan/internal/film"
)

// states remembers the uploads that are not finished: a folder with one small file for each. What is lost of it costs
// bytes that are sent again, nothing else. The files hold no secret.
type states struct{ dir string }

// key is what makes an upload the same one: this file, unchanged, for this server, with these settings.
type key struct {
	Server   string    `json:"server"`
	File     string    `json:"file"` // absolute
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Settings Settings  `json:"settings"`
}

type state struct {
	Key    key           `json:"key"`
	Upload film.UploadID `json:"upload"`
}

func (s states) path(k key) (string, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return filepath.Join(s.dir, hex.EncodeToString(sum[:16])+".json"), nil
}

// load returns the id of the unfinished upload, empty when none is remembered.
func (s states) load(k key) (film.UploadID, error) {
	path, err := s.path(k)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var st state
	if json.Unmarshal(text, &st) != nil {
		return "", nil //nolint:nilerr // a file that says nothing is as good as none
	}
	return st.Upload, nil
}

// save remembers an upload: whole, or not at all.
func (s states) save(k key, upload film.UploadID) error {
	path, err := s.path(k)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(state{Key: k, Upload: upload}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	s.prune()
	part, err := os.CreateTemp(s.dir, ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	_, err = part.Write(append(text, '\n'))
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("remember the upload: %w", err)
	}
	return os.Rename(part.Name(), path)
}

// drop forgets an upload.
func (s states) drop(k key) error {
	path, err := s.path(k)
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prune forgets what no upload can be any more: none lives longer than a week.
func (s states) prune() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		ours := strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".part-")
		if err == nil && ours && time.Since(info.ModTime()) > 8*24*time.Hour {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}
