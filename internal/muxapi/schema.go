package muxapi

import (
	"reflect"
	"slices"
	"strings"
)

// Schema is a JSON schema as OpenAPI 3.1 has it: as much of it as this API needs.
type Schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 []string           `json:"type,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Maximum              *int               `json:"maximum,omitempty"`
	Default              any                `json:"default,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	AdditionalProperties *Schema            `json:"additionalProperties,omitempty"`
}

// SchemaRef points at a schema of [Schemas].
func SchemaRef(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// Schemas are the schemas of everything that is answered and taken: answers by their Go type's name, request bodies by
// the name in [Bodies]. What is refused is not in them.
func Schemas() map[string]*Schema {
	all := map[string]*Schema{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[AssetList](), reflect.TypeFor[Upload](), reflect.TypeFor[PlaybackOwner](), reflect.TypeFor[InputInfo](), reflect.TypeFor[Webhook](),
		reflect.TypeFor[Whoami](), reflect.TypeFor[Delivery](), reflect.TypeFor[Event](), reflect.TypeFor[Failed](),
	} {
		schemaOf(t, all)
	}
	for _, b := range Bodies() {
		all[b.Schema] = b.schema()
	}
	return all
}

// schemaOf describes a type; structs go into all and are referred to.
func schemaOf(t reflect.Type, all map[string]*Schema) *Schema {
	if t == reflect.TypeFor[UnixTime]() {
		return &Schema{Type: []string{"string"}, Pattern: "^-?[0-9]+$"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), all)
	case reflect.String:
		return &Schema{Type: []string{"string"}}
	case reflect.Bool:
		return &Schema{Type: []string{"boolean"}}
	case reflect.Float64:
		return &Schema{Type: []string{"number"}}
	case reflect.Int, reflect.Int64, reflect.Uint32:
		return &Schema{Type: []string{"integer"}}
	case reflect.Slice:
		return &Schema{Type: []string{"array"}, Items: schemaOf(t.Elem(), all)}
	case reflect.Map:
		return &Schema{Type: []string{"object"}, AdditionalProperties: schemaOf(t.Elem(), all)}
	case reflect.Struct:
		if _, known := all[t.Name()]; !known {
			s := &Schema{Type: []string{"object"}, Properties: map[string]*Schema{}}
			all[t.Name()] = s
			for f := range t.Fields() {
				s.addField(f, all)
			}
		}
		return SchemaRef(t.Name())
	default:
		return &Schema{} // anything
	}
}

func (s *Schema) addField(f reflect.StructField, all map[string]*Schema) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	inner := schemaOf(f.Type, all)
	inner.Description = f.Tag.Get("doc")
	if enum := enumOf(f.Tag.Get("enum")); inner.Items != nil {
		inner.Items.Enum = enum
	} else {
		inner.Enum = enum
	}
	if options != "omitempty" {
		s.Required = append(s.Required, name)
		if f.Type.Kind() == reflect.Pointer {
			inner.Type = append(inner.Type, "null")
		}
	}
	s.Properties[name] = inner
}

// enumOf splits a tag at its spaces; a value with a space in it stands in single quotes.
func enumOf(tag string) []string {
	var out []string
	for i, part := range strings.Split(tag, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// schema describes a request body by the table of its parameters.
func (b Body) schema() *Schema {
	root := &Schema{Type: []string{"object"}, Properties: map[string]*Schema{}}
	for _, p := range b.Parameters {
		if p.Verdict == Refused {
			continue
		}
		at := root
		steps := strings.Split(p.Name, ".")
		for _, step := range steps[:len(steps)-1] {
			at = at.open(step)
		}
		at.Properties[steps[len(steps)-1]] = p.schema()
		if p.Required {
			at.Required = append(at.Required, steps[len(steps)-1])
		}
	}
	return root
}

// open goes one step down, into a property that is an object or, where the step ends with [], into the array's items.
func (s *Schema) open(step string) *Schema {
	name, isArray := strings.CutSuffix(step, "[]")
	inner := s.Properties[name]
	if isArray {
		if inner.Items == nil {
			inner.Items = &Schema{Type: []string{"object"}}
		}
		inner = inner.Items
	}
	if inner.Properties == nil {
		inner.Properties = map[string]*Schema{}
	}
	return inner
}

func (p Parameter) schema() *Schema {
	s := &Schema{Type: strings.Split(p.Type, "|"), Description: p.Note}
	if p.Minimum != 0 {
		s.Minimum = &p.Minimum
	}
	if p.Maximum != 0 {
		s.Maximum = &p.Maximum
	}
	switch {
	case !slices.Contains(s.Type, "array"):
		s.Enum = p.Enum
	case p.Enum != nil:
		s.Items = &Schema{Type: []string{"string"}, Enum: p.Enum}
	}
	if p.Verdict == Ignored {
		s.Description = "Accepted and ignored: " + p.Note
	}
	return s
}
