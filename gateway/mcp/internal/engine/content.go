package engine

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/df0f9dda/okr-manager/services/kit/jsontext"
)

// Content is a block of content; make one with Text, Image, Audio, Embed or Link.
type Content struct {
	kind     string
	text     string
	data     []byte
	mimeType string
	contents *Contents
	resource *Resource
	// Annotations say for whom a block is; nil says nothing.
	Annotations *Annotations
}

// Annotations are advice to clients about a block of content or a resource.
type Annotations struct {
	// Audience: "user", "assistant".
	Audience []string `json:"audience,omitempty"`
	// Priority is from 0 (ignore me) to 1 (needed).
	Priority *float64 `json:"priority,omitempty"`
	// LastModified is a time of RFC 3339.
	LastModified string `json:"lastModified,omitempty"`
}

// Text is a block of text.
func Text(text string) Content { return Content{kind: "text", text: text} }

// Image is a block with a picture.
func Image(data []byte, mimeType string) Content {
	return Content{kind: "image", data: data, mimeType: mimeType}
}

// Audio is a block with a sound.
func Audio(data []byte, mimeType string) Content {
	return Content{kind: "audio", data: data, mimeType: mimeType}
}

// Embed is a block that holds a resource's contents.
func Embed(c Contents) Content { return Content{kind: "resource", contents: &c} }

// Link is a block that points at a resource. A client may read it; it need not be in any list.
func Link(r Resource) Content { return Content{kind: "resource_link", resource: &r} }

// MarshalJSON implements json.Marshaler. The library's own blocks put an embedded resource and annotations where no
// client finds them.
func (c Content) MarshalJSON() ([]byte, error) {
	return c.appendTo(nil)
}

// appendTo appends the block as JSON. Texts are what nearly all content is: they are written without a detour.
func (c Content) appendTo(out []byte) ([]byte, error) {
	if c.kind != "text" {
		block, err := c.encode()
		return append(out, block...), err
	}
	out = jsontext.Append(append(out, `{"type":"text","text":`...), c.text)
	if c.Annotations != nil {
		annotations, err := encode(c.Annotations)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"annotations":`...), annotations...)
	}
	return append(out, '}'), nil
}

func (c Content) encode() ([]byte, error) {
	switch c.kind {
	case "image", "audio":
		return encode(struct {
			Type        string       `json:"type"`
			Data        []byte       `json:"data"`
			MIMEType    string       `json:"mimeType"`
			Annotations *Annotations `json:"annotations,omitempty"`
		}{c.kind, nonNil(c.data), c.mimeType, c.Annotations})
	case "resource":
		return encode(struct {
			Type        string       `json:"type"`
			Resource    *Contents    `json:"resource"`
			Annotations *Annotations `json:"annotations,omitempty"`
		}{c.kind, c.contents, c.Annotations})
	case "resource_link":
		return encode(struct {
			Type string `json:"type"`
			Resource
		}{c.kind, *c.resource})
	}
	return nil, fmt.Errorf("a block of content of kind %q", c.kind)
}

// MarshalJSON implements json.Marshaler.
func (c Contents) MarshalJSON() ([]byte, error) {
	if c.Blob != nil {
		return encode(struct {
			URI      string `json:"uri"`
			MIMEType string `json:"mimeType,omitempty"`
			Blob     []byte `json:"blob"`
		}{c.URI, c.MIMEType, c.Blob})
	}
	return encode(struct {
		URI      string `json:"uri"`
		MIMEType string `json:"mimeType,omitempty"`
		Text     string `json:"text"`
	}{c.URI, c.MIMEType, c.Text})
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// encode writes JSON on one line, and leaves <, > and & as they are: nobody puts this into a page, and models read it.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
