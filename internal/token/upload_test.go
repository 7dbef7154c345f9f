package token_test

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"

	"filmcan/internal/film"
	"filmcan/internal/token"
)

func TestUploadURL(t *testing.T) {
	t.Parallel()
	signer := func(secret byte) *token.Signer {
		s, err := token.NewSigner(bytes.Repeat([]byte{secret}, token.SecretSize))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := signer(1)
	link, err := url.Parse(s.UploadURL("https://video.example/films/", "upload1"))
	if err != nil {
		t.Fatal(err)
	}
	if link.Host != "video.example" || link.Path != "/films/upload/upload1" {
		t.Errorf("URL %s", link)
	}
	good := link.Query().Get("token")
	if err := s.VerifyUpload("upload1", good); err != nil {
		t.Errorf("its own token: %v", err)
	}
	for what, c := range map[string]struct {
		signer *token.Signer
		id     film.UploadID
		token  string
	}{
		"another upload": {s, "upload2", good},
		"another server": {signer(2), "upload1", good},
		"no token":       {s, "upload1", ""},
		"cut":            {s, "upload1", good[:len(good)-1]},
		"longer":         {s, "upload1", good + "="},
		"other letters":  {s, "upload1", strings.ToUpper(good)},
	} {
		if err := c.signer.VerifyUpload(c.id, c.token); !errors.Is(err, token.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
