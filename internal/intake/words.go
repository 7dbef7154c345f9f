package intake

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
	"filmcan/internal/outbound"
)

// why names a kind of failure, for logs and tests.
type why string

const (
	whyURL         why = "url"
	whyDNS         why = "dns"
	whyRefused     why = "refused"
	whyConnect     why = "connect"
	whyTLS         why = "tls"
	whyRedirect    why = "redirect"
	whyNoAnswer    why = "no_answer"
	whyStatus      why = "status"
	whyEncoded     why = "encoded"
	whyRange       why = "range"
	whyChanged     why = "changed"
	whyCutOff      why = "cut_off"
	whyStalled     why = "stalled"
	whySlow        why = "slow"
	whyTooLong     why = "too_long"
	whyTooLarge    why = "too_large"
	whyEmpty       why = "empty"
	whyNotFilm     why = "not_film"
	whyUnread      why = "unreadable"
	whyUndecodable why = "undecodable"
	whyNoRoom      why = "no_room"
	whyGaveUp      why = "gave_up"
)

// failure is an end of an ingest that is the input's doing. Its message is for the customer.
type failure struct {
	why     why
	message string
	// again: another try may go better, after at least that pause.
	again   bool
	pause   time.Duration
	reasons film.Reasons
	cause   error
}

func (f *failure) Error() string {
	text := "ingest: " + string(f.why)
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}

func (f *failure) Unwrap() error { return f.cause }

// film reports whether the input is a film, refused for what it is and not for being something else.
func (f *failure) film() bool { return len(f.reasons) > 0 }

func fail(w why, cause error, format string, args ...any) *failure {
	return &failure{why: w, message: fmt.Sprintf(format, args...), cause: cause}
}

func (f *failure) transient() *failure {
	f.again = true
	return f
}

// failedHere is the type of the failures that are not the input's doing.
const failedHere = "processing_error"

// stored is the failure as the asset keeps it.
func (f *failure) stored() film.Failure {
	kind := "invalid_input"
	if f.why == whyGaveUp || f.why == whyNoRoom {
		kind = failedHere
	}
	return film.Failure{Type: kind, Messages: []string{f.message}, Reasons: f.reasons}
}

func gaveUp(a film.Asset, cause error) *failure {
	return fail(whyGaveUp, cause, "The input could not be processed because of a problem on our side. Please %s again.", create(a))
}

func noRoomLeft(a film.Asset, patience time.Duration, cause error) *failure {
	return fail(whyNoRoom, cause, "The server has had no room for the input for %s. Please %s again later.", patience, create(a))
}

// create is how an asset like this one is made.
func create(a film.Asset) string {
	if a.IngestType == film.IngestUpload {
		return "upload the film"
	}
	return "create the asset"
}

// sayOutbound puts a request that got no answer into words.
func sayOutbound(err error) error {
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return err
	}
	name := shown(e.Host)
	host := "The input's host " + name
	if e.Hop > 0 {
		host = "The host " + name + ", to which the input's URL redirects,"
	}
	switch e.Kind {
	case outbound.KindAddress:
		return fail(whyURL, err, "The input's URL is not valid.")
	case outbound.KindScheme:
		return fail(whyURL, err, "The input's URL must begin with http:// or https://.")
	case outbound.KindDNS:
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			return fail(whyDNS, err, "%s does not exist: its name could not be resolved (DNS).", host)
		}
		return fail(whyDNS, err, "The name of the input's host %s could not be resolved (DNS).", name).transient()
	case outbound.KindRefused:
		return fail(whyRefused, err, "%s has an address that inputs may not come from: it is private, local or reserved.", host)
	case outbound.KindConnect:
		return fail(whyConnect, err, "%s does not accept connections.", host).transient()
	case outbound.KindTLS:
		if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
			return fail(whyTLS, err, "%s has a certificate that cannot be trusted (TLS).", host)
		}
		return fail(whyTLS, err, "No secure connection to the input's host %s came about (TLS).", name).transient()
	case outbound.KindRedirect:
		if scheme, ok := errors.AsType[*outbound.Error](e.Cause); ok && scheme.Kind == outbound.KindScheme {
			return fail(whyRedirect, err, "The input's URL redirects to an address that is neither http nor https.")
		}
		return fail(whyRedirect, err, "The input's URL redirects too often, or to nowhere.")
	case outbound.KindTimeout:
		return fail(whyNoAnswer, err, "%s accepted the connection, but did not answer in time.", host).transient()
	case outbound.KindResponse:
		return fail(whyNoAnswer, err, "%s closed the connection without an answer, or is not a web server.", host).transient()
	}
	return err
}

// shown is as much of a host as a message has room for. A name has 253 bytes at most, but a redirect may say anything.
func shown(host string) string {
	const most = 253 + len(":65535")
	if len(host) > most {
		return strings.ToValidUTF8(host[:most], "") + "…"
	}
	return host
}

// sayStatus puts an answer that is no film into words.
func sayStatus(status int) *failure {
	f := fail(whyStatus, nil, "The input's server answered with status %d", status)
	if text := http.StatusText(status); text != "" {
		f.message += " (" + text + ")"
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		f.message += ": it does not allow the download. Has a signed URL expired?"
	case http.StatusNotFound, http.StatusGone:
		f.message += ": there is no such file."
	case http.StatusNoContent, http.StatusResetContent:
		return fail(whyEmpty, nil, "The input is empty: the server sent no bytes.")
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again = true
		f.message += " again and again."
	default:
		f.message += " instead of the film."
	}
	return f
}

// sayKind puts a file that is no film into words.
func sayKind(k sniff.Kind, from film.IngestType) *failure {
	empty, page, itself := "the server sent no bytes", " Does the URL lead to a page about the film instead of the file itself?", "give the URL of"
	if from == film.IngestUpload {
		empty, page, itself = "no bytes were sent", "", "upload"
	}
	if k == sniff.Empty {
		return fail(whyEmpty, nil, "The input is empty: %s.", empty)
	}
	text := fmt.Sprintf("The input is not a film: it is %s.", k.Name())
	switch k {
	case sniff.HTML:
		text += page
	case sniff.HLS, sniff.DASH, sniff.Playlist, sniff.SDP, sniff.Concat:
		text += " Playlists and manifests cannot be ingested; " + itself + " the film itself."
	case sniff.Archive:
		text += " Unpack it first."
	default:
	}
	return fail(whyNotFilm, nil, "%s", text)
}

// sayParse puts what the index reader says of a file into words. A failure to read is returned as it is.
func sayParse(err error) error {
	e, ok := errors.AsType[*mp4.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case mp4.NotFilm:
		return fail(whyNotFilm, err, "%s", e.Message)
	case mp4.Empty:
		return fail(whyEmpty, err, "%s", e.Message)
	case mp4.TooBig:
		return fail(whyTooLarge, err, "%s", e.Message)
	case mp4.Truncated, mp4.Damaged, mp4.Protected:
	}
	return fail(whyUnread, err, "%s", e.Message)
}

// sayFFmpeg puts a process that did not understand a film into words. One that could not be started, was killed, or had
// no room for what it made, is our affair.
func sayFFmpeg(k sniff.Kind, err error) error {
	e, ok := errors.AsType[*ffmpeg.Error](err)
	if !ok || e.Ours() {
		return err
	}
	if e.NoRoom {
		return noRoom(err)
	}
	if e.Limit != "" {
		return fail(whyUnread, err, "The input could not be read within the limits set for it: it begins like %s, but may be damaged.", k.Name())
	}
	return fail(whyUnread, err, "The input could not be read: it begins like %s, but is damaged or incomplete.", k.Name())
}

func tooLarge(limit int64) *failure {
	return fail(whyTooLarge, nil, "The input is too large: at most %s bytes are taken.", plainNumber(limit))
}

func plainNumber(n int64) string { return strconv.FormatInt(n, 10) }
