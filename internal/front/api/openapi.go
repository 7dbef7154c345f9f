package api

import (
	"net/http"
	"strconv"
	"strings"

	"filmcan/internal/muxapi"
)

// document is an OpenAPI 3.1 description: as much of that format as this API needs.
type document struct {
	OpenAPI    string                          `json:"openapi"`
	Info       info                            `json:"info"`
	Security   []map[string][]string           `json:"security"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components components                      `json:"components"`
}

type info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description"`
}

type components struct {
	Schemas         map[string]*muxapi.Schema    `json:"schemas"`
	SecuritySchemes map[string]map[string]string `json:"securitySchemes"`
}

type operation struct {
	OperationID string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Tags        []string            `json:"tags"`
	Description string              `json:"description,omitempty"`
	Parameters  []parameter         `json:"parameters,omitempty"`
	RequestBody *content            `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`
	// Security is set where it differs from the document's: an empty list needs no credentials.
	Security *[]map[string][]string `json:"security,omitempty"`
}

type parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"`
	Description string         `json:"description,omitempty"`
	Required    bool           `json:"required,omitempty"`
	Schema      *muxapi.Schema `json:"schema"`
}

type content struct {
	Required bool                 `json:"required,omitempty"`
	Content  map[string]mediaType `json:"content"`
}

type response struct {
	Description string               `json:"description"`
	Content     map[string]mediaType `json:"content,omitempty"`
}

type mediaType struct {
	Schema *muxapi.Schema `json:"schema,omitempty"`
}

// queryParameter is a parameter in the URL's query.
type queryParameter string

// The parameters of lists.
const (
	limitParameter      queryParameter = "limit"
	pageParameter       queryParameter = "page"
	cursorParameter     queryParameter = "cursor"
	liveStreamParameter queryParameter = "live_stream_id"
	uploadParameter     queryParameter = "upload_id"
)

func (q queryParameter) describe() parameter {
	p := parameter{Name: string(q), In: "query", Schema: &muxapi.Schema{Type: []string{"string"}}}
	switch q {
	case limitParameter:
		p.Description = "Items on a page. More than the largest counts as the largest."
		p.Schema = &muxapi.Schema{Type: []string{"integer"}, Minimum: new(1), Maximum: new(muxapi.MaxLimit), Default: muxapi.DefaultLimit}
	case pageParameter:
		p.Description = "Number of the page."
		p.Schema = &muxapi.Schema{Type: []string{"integer"}, Minimum: new(1), Default: 1}
	case cursorParameter:
		p.Description = "next_cursor of the page before; wins over page."
	case liveStreamParameter:
		p.Description = "Only recordings of that live stream."
	case uploadParameter:
		p.Description = "Only the asset of that direct upload."
	}
	return p
}

// describe builds the document from the table of routes, so that it describes what is served and nothing else.
func describe(routes []route, version string) document {
	d := document{
		OpenAPI: "3.1.0",
		Info: info{
			Title: "filmcan", Version: version,
			Description: "Mux Video's API on your own machine. Where it differs from Mux: docs/mux-differences.md.",
		},
		Security: []map[string][]string{{"basic": {}}, {"bearer": {}}},
		Paths:    map[string]map[string]operation{},
		Components: components{
			Schemas: muxapi.Schemas(),
			SecuritySchemes: map[string]map[string]string{
				"basic":  {"type": "http", "scheme": "basic", "description": "User: the id of an access token. Password: its secret."},
				"bearer": {"type": "http", "scheme": "bearer", "description": "TOKEN_ID:TOKEN_SECRET, as it is or in base64."},
			},
		},
	}
	for _, rt := range routes {
		d.add(rt.method, rt.path, rt.describe())
	}
	for _, o := range otherOperations() {
		o.operation.Security = &[]map[string][]string{}
		d.add(o.method, o.path, o.operation)
	}
	return d
}

func (d *document) add(method, path string, o operation) {
	if d.Paths[path] == nil {
		d.Paths[path] = map[string]operation{}
	}
	o.OperationID = operationID(method, path)
	d.Paths[path][strings.ToLower(method)] = o
}

// operationID is unique because method and path are.
func operationID(method, path string) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(method))
	for _, word := range strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return strings.ContainsRune("/{}-_.", r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func pathParameters(path string) []parameter {
	var out []parameter
	for _, name := range wildcards(path) {
		out = append(out, parameter{Name: name, In: "path", Required: true, Schema: &muxapi.Schema{Type: []string{"string"}}})
	}
	return out
}

func (rt route) describe() operation {
	o := operation{
		Summary: rt.summary, Tags: []string{tag(rt.path)}, Parameters: pathParameters(rt.path),
		Responses: map[string]response{strconv.Itoa(rt.status): rt.success()},
	}
	if rt.may != "" {
		o.Description = "Needs a token with " + string(rt.may) + "."
	}
	for _, q := range rt.query {
		o.Parameters = append(o.Parameters, q.describe())
	}
	fails := []int{http.StatusUnauthorized, http.StatusInternalServerError}
	if rt.may != "" {
		fails = append(fails, http.StatusNotFound)
	}
	if body := rt.body(); body != "" {
		o.RequestBody = &content{Content: map[string]mediaType{"application/json": {Schema: muxapi.SchemaRef(body)}}}
		fails = append(fails, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	}
	if rt.query != nil {
		fails = append(fails, http.StatusBadRequest)
	}
	if rt.waits {
		fails = append(fails, http.StatusPreconditionFailed)
	}
	if rt.ends {
		fails = append(fails, http.StatusForbidden)
	}
	if rt.stream != nil {
		fails = append(fails, http.StatusServiceUnavailable)
		o.Parameters = append(o.Parameters, parameter{
			Name: "Last-Event-ID", In: "header", Schema: &muxapi.Schema{Type: []string{"string"}},
			Description: "The id of the last event that was seen: the stream goes on after it.",
		})
	}
	for _, status := range fails {
		o.Responses[strconv.Itoa(status)] = response{
			Description: http.StatusText(status),
			Content:     map[string]mediaType{"application/json": {Schema: muxapi.SchemaRef("Failed")}},
		}
	}
	return o
}

// body is the schema of the route's request body, or empty.
func (rt route) body() string {
	for _, b := range muxapi.Bodies() {
		if b.Method == rt.method && b.Path == rt.path {
			return b.Schema
		}
	}
	return ""
}

func (rt route) success() response {
	r := response{Description: http.StatusText(rt.status)}
	data := muxapi.SchemaRef(rt.answer)
	switch {
	case rt.answer == "":
		return r
	case rt.stream != nil:
		r.Content = map[string]mediaType{"text/event-stream": {Schema: data}}
		return r
	case rt.list:
		data = &muxapi.Schema{Type: []string{"array"}, Items: data}
	}
	if !rt.cursor {
		data = &muxapi.Schema{Type: []string{"object"}, Required: []string{"data"}, Properties: map[string]*muxapi.Schema{"data": data}}
	}
	r.Content = map[string]mediaType{"application/json": {Schema: data}}
	return r
}

// tag groups operations by what they are about.
func tag(path string) string {
	words := strings.Split(path, "/")
	if len(words) > 3 && words[1] != "master" {
		return words[3]
	}
	return "media"
}
