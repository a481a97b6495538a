package engine

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
