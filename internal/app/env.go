package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"filmcan/internal/film"
	"filmcan/internal/sqldb"
	"filmcan/internal/token"
)

// envFile is the name of the file of credentials in the data folder.
const envFile = "mux.env"

// devEnvironment is the name of the one environment of `filmcan dev`.
const devEnvironment = "development"

// WriteEnv writes mux.env into the data folder, in a form that a shell can source, and returns its path: the base URL
// and the credentials of the development environment. Credentials that are there already and still work are kept, so
// that restarts change nothing for running programs. With a webhook address the address is registered and its secret
// written too.
func (a *App) WriteEnv(ctx context.Context, webhook string) (string, error) {
	path := filepath.Join(a.cfg.Data, envFile)
	old, err := readEnv(path)
	if err != nil {
		return "", err
	}
	env, err := a.catalog.EnsureEnvironment(ctx, devEnvironment, "development")
	if err != nil {
		return "", err
	}
	id, secret := film.TokenID(old["MUX_TOKEN_ID"]), old["MUX_TOKEN_SECRET"]
	if _, err := a.catalog.Authenticate(ctx, id, secret); film.IsCode(err, film.CodeUnauthorized) {
		created, newSecret, err := a.catalog.CreateToken(ctx, env.ID, "filmcan dev", film.AllPermissions())
		if err != nil {
			return "", err
		}
		id, secret = created.ID, newSecret
	} else if err != nil {
		return "", err
	}
	keyID, private := film.SigningKeyID(old["MUX_SIGNING_KEY"]), old["MUX_PRIVATE_KEY"]
	if _, err := a.catalog.SigningKey(ctx, keyID); film.IsCode(err, film.CodeNotFound) || private == "" {
		pair, err := token.NewKeyPair()
		if err != nil {
			return "", err
		}
		keyID, private = film.SigningKeyID(rand.Text()), pair.Private
		if err := a.catalog.AddSigningKey(ctx, env.ID, keyID, pair.Public); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	lines := []string{
		"MUX_BASE_URL=" + a.URL(),
		"MUX_TOKEN_ID=" + string(id),
		"MUX_TOKEN_SECRET=" + secret,
		"MUX_SIGNING_KEY=" + string(keyID),
		"MUX_PRIVATE_KEY=" + private,
	}
	if webhook != "" {
		hook, err := a.catalog.EnsureWebhook(ctx, env.ID, webhook)
		if err != nil {
			return "", err
		}
		lines = append(lines, "MUX_WEBHOOK_SECRET="+hook.Secret)
	} else if old["MUX_WEBHOOK_SECRET"] != "" {
		lines = append(lines, "MUX_WEBHOOK_SECRET="+old["MUX_WEBHOOK_SECRET"])
	}
	var text strings.Builder
	text.WriteString("# Credentials of `filmcan dev`, for a shell: . " + envFile + "\n")
	for _, line := range lines {
		text.WriteString("export " + line + "\n")
	}
	if same, err := os.ReadFile(path); err == nil && string(same) == text.String() {
		return path, nil // a restart on a full disk needs no room for what is there
	}
	// A new name and a rename: whoever waits for the file sees it whole.
	temp := path + ".new"
	if err := os.WriteFile(temp, []byte(text.String()), 0o600); err != nil {
		_ = os.Remove(temp) // the error of the write is the one to tell
		return "", fmt.Errorf("write %s: %w", envFile, explainFull(err))
	}
	return path, os.Rename(temp, path)
}

// explainFull says in the operator's words that a disk is full.
func explainFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || sqldb.IsFull(err) {
		return fmt.Errorf("there is no room on the disk of the data folder: %w", err)
	}
	return err
}

// readEnv reads a file that WriteEnv wrote; there need not be one.
func readEnv(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", envFile, err)
	}
	defer f.Close()
	values := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimPrefix(s.Text(), "export "), "="); ok {
			values[name] = value
		}
	}
	return values, nil
}
