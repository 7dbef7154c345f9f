package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"slices"
	"strings"

	"filmcan/internal/muxapi"
)

//go:embed page.html
var pageText string

// documents renders the OpenAPI document and the page for people from the same description.
func documents(routes []route, version string) (openapi, page []byte) {
	d := describe(routes, version)
	openapi, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // strings, numbers, lists and maps always marshal
	}
	var b bytes.Buffer
	if err := template.Must(template.New("page").Parse(pageText)).Execute(&b, pageOf(d, routes)); err != nil {
		panic(err) // the template and what it gets are constant
	}
	return openapi, b.Bytes()
}

// section is a group of operations on the page.
type section struct {
	Tag        string
	Operations []shownOperation
}

type shownOperation struct {
	operation
	Method, Path string
	Fields       []field // of the request body
	Answers      []shownAnswer
}

type shownAnswer struct {
	Status, Text, Schema string
}

// field is one line of a table of fields.
type field struct {
	Name, Type, About string
	Required          bool
}

type shownSchema struct {
	Name   string
	Fields []field
}

type pageData struct {
	Info     info
	Sections []section
	Schemas  []shownSchema
}

func pageOf(d document, routes []route) pageData {
	out := pageData{Info: d.Info}
	place := map[string]int{}
	show := func(method, path string) {
		o := d.Paths[path][strings.ToLower(method)]
		i, there := place[o.Tags[0]]
		if !there {
			i = len(out.Sections)
			place[o.Tags[0]] = i
			out.Sections = append(out.Sections, section{Tag: o.Tags[0]})
		}
		out.Sections[i].Operations = append(out.Sections[i].Operations, d.show(method, path, o))
	}
	for _, rt := range routes {
		show(rt.method, rt.path)
	}
	for _, o := range otherOperations() {
		show(o.method, o.path)
	}
	bodies := map[string]bool{}
	for _, b := range muxapi.Bodies() {
		bodies[b.Schema] = true // shown with its operation
	}
	for name, s := range d.Components.Schemas {
		if !bodies[name] {
			out.Schemas = append(out.Schemas, shownSchema{Name: name, Fields: fieldsOf(s, "")})
		}
	}
	slices.SortFunc(out.Schemas, func(a, b shownSchema) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (d document) show(method, path string, o operation) shownOperation {
	out := shownOperation{operation: o, Method: method, Path: path}
	if o.RequestBody != nil {
		name := refName(o.RequestBody.Content["application/json"].Schema)
		out.Fields = fieldsOf(d.Components.Schemas[name], "")
	}
	for status, r := range o.Responses {
		a := shownAnswer{Status: status, Text: r.Description}
		for _, m := range r.Content {
			a.Schema = answerName(m.Schema)
		}
		out.Answers = append(out.Answers, a)
	}
	slices.SortFunc(out.Answers, func(a, b shownAnswer) int { return strings.Compare(a.Status, b.Status) })
	return out
}

// fieldsOf lists a schema's fields, with those of objects inside it behind them.
func fieldsOf(s *muxapi.Schema, prefix string) []field {
	var out []field
	for name, p := range s.Properties {
		out = append(out, field{
			Name: prefix + name, Type: typeOf(p), About: p.Description, Required: slices.Contains(s.Required, name),
		})
		out = append(out, fieldsOf(p, prefix+name+".")...)
		if p.Items != nil {
			out = append(out, fieldsOf(p.Items, prefix+name+"[].")...)
		}
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func typeOf(s *muxapi.Schema) string {
	switch {
	case s.Ref != "":
		return refName(s)
	case s.Enum != nil:
		return strings.Join(s.Enum, " | ")
	case s.Items != nil && slices.Contains(s.Type, "array"):
		return strings.Join(s.Type, " or ") + " of " + typeOf(s.Items)
	}
	return strings.Join(s.Type, " or ")
}

func answerName(s *muxapi.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return refName(s)
	case s.Properties["data"] != nil:
		return "data: " + typeOf(s.Properties["data"])
	}
	return typeOf(s)
}

func refName(s *muxapi.Schema) string { return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:] }
