package engine

import "context"

// Resource is a resource as lists show it.
type Resource struct {
	URI         string       `json:"uri"`
	Name        string       `json:"name"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	MIMEType    string       `json:"mimeType,omitempty"`
	Annotations *Annotations `json:"annotations,omitempty"`
	Size        int64        `json:"size,omitempty"` // in bytes; 0 when unknown
}

// StaticResource is one resource that every caller has.
type StaticResource struct {
	Resource
	// Visible says whether a caller is shown the resource; nil means always. Read must check its caller all the same.
	Visible func(context.Context) bool
	// Read reads it. Its errors are those of Tool.Call; ErrNotFound says that there is nothing.
	Read func(context.Context, *Reading) ([]Contents, error)
}

// Template is a family of resources.
type Template struct {
	// URITemplate is of RFC 6570 level 1: literals, and {variables} that match one path segment or less.
	URITemplate, Name, Title, Description, MIMEType string
	// List answers one page of the concrete resources that a caller has, and a cursor for the next or "". The cursor it
	// gets is "" or one that it gave; anything may have happened in between, and *Error with CodeInvalidParams says that
	// the cursor is not usable any more. Nil means that the family is not enumerated.
	List func(ctx context.Context, cursor string) (page []Resource, next string, err error)
	// Read reads the resource with the URI in the Reading. Its errors are those of Tool.Call; ErrNotFound says that
	// there is nothing there that the caller may know of.
	Read func(context.Context, *Reading) ([]Contents, error)
	// Complete answers values of a variable that begin with prefix, at most 100, and whether there are more. Nil means
	// that there are no completions.
	Complete func(ctx context.Context, variable, prefix string) (values []string, more bool, err error)
	// Visible says whether a caller is shown the family; nil means always. Read must check its caller all the same.
	Visible func(context.Context) bool
}

// Reading is one request for a resource.
type Reading struct {
	URI string
	// Vars are the values of the template's variables, decoded.
	Vars map[string]string
	*Exchange
}

// Contents is what a resource holds. Text and Blob exclude each other: with a Blob, it is bytes.
type Contents struct {
	URI      string
	MIMEType string
	Text     string
	Blob     []byte
}
