package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// page cuts one page out of what a caller may see. Cursors name the last entry of a page, not its place: what a caller
// may see can change between two pages. The library's own pages end with an empty one, or never.
func page[T any](e *Engine, r *Request, all []T, name func(T) string, visible func(T) bool) (shown []T, next string, err error) {
	after, err := cursorIn(r)
	if err != nil {
		return nil, "", err
	}
	start := 0
	if after != "" {
		if start = 1 + indexOf(all, name, after); start == 0 {
			return nil, "", errCursor()
		}
	}
	shown = make([]T, 0, min(len(all), e.cfg.PageSize))
	for _, entry := range all[start:] {
		if !visible(entry) {
			continue
		}
		if len(shown) == e.cfg.PageSize {
			return shown, sealCursor(name(shown[len(shown)-1])), nil
		}
		shown = append(shown, entry)
	}
	return shown, "", nil
}

func indexOf[T any](all []T, name func(T) string, wanted string) int {
	for i, entry := range all {
		if name(entry) == wanted {
			return i
		}
	}
	return -1
}

// errCursor is the answer to a cursor that is none of this server's.
func errCursor() *Error {
	return invalid("the cursor is not one of this server: begin again without it")
}

// cursorIn is what the cursor of a request says; "" if it has none.
func cursorIn(r *Request) (string, error) {
	raw := r.Params.Get("cursor")
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	text, ok := r.Params.Text("cursor")
	if !ok || text == "" {
		return "", errCursor()
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(plain) == 0 {
		return "", errCursor()
	}
	return string(plain), nil
}

func sealCursor(plain string) string { return base64.RawURLEncoding.EncodeToString([]byte(plain)) }

// listed writes the result of a list.
func (e *Engine) listed(r *Request, name string, entries any, next string) (json.RawMessage, error) {
	b := e.begin(r, "complete")
	b.field(name, entries)
	if next != "" {
		b.field("nextCursor", next)
	}
	e.cacheable(b, r, milliseconds(e.cfg.ListTTL))
	return b.end()
}

func visible(ctx context.Context, rule func(context.Context) bool) bool {
	return rule == nil || rule(ctx)
}

// listTools answers tools/list.
func (e *Engine) listTools(ctx context.Context, r *Request) (json.RawMessage, error) {
	shown, next, err := page(e, r, e.tools, func(t *publishedTool) string { return t.Name },
		func(t *publishedTool) bool { return visible(ctx, t.Visible) })
	if err != nil {
		return nil, err
	}
	size := 2
	for _, t := range shown {
		size += len(t.json) + 1
	}
	list := append(make(json.RawMessage, 0, size), '[')
	for i, t := range shown {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, t.json...)
	}
	return e.listed(r, "tools", append(list, ']'), next)
}

// listPrompts answers prompts/list.
func (e *Engine) listPrompts(ctx context.Context, r *Request) (json.RawMessage, error) {
	shown, next, err := page(e, r, e.cfg.Prompts, func(p Prompt) string { return p.Name },
		func(p Prompt) bool { return visible(ctx, p.Visible) })
	if err != nil {
		return nil, err
	}
	type argument struct {
		Name        string `json:"name"`
		Title       string `json:"title,omitempty"`
		Description string `json:"description,omitempty"`
		Required    bool   `json:"required,omitempty"`
	}
	type prompt struct {
		Name        string     `json:"name"`
		Title       string     `json:"title,omitempty"`
		Description string     `json:"description,omitempty"`
		Arguments   []argument `json:"arguments,omitempty"`
	}
	prompts := make([]prompt, 0, len(shown))
	for _, p := range shown {
		out := prompt{Name: p.Name, Title: p.Title, Description: p.Description}
		for _, a := range p.Arguments {
			out.Arguments = append(out.Arguments, argument{a.Name, a.Title, a.Description, a.Required})
		}
		prompts = append(prompts, out)
	}
	return e.listed(r, "prompts", prompts, next)
}

// listTemplates answers resources/templates/list.
func (e *Engine) listTemplates(ctx context.Context, r *Request) (json.RawMessage, error) {
	shown, next, err := page(e, r, e.templates, func(t *publishedTemplate) string { return t.URITemplate },
		func(t *publishedTemplate) bool { return visible(ctx, t.Visible) })
	if err != nil {
		return nil, err
	}
	type template struct {
		URITemplate string `json:"uriTemplate"`
		Name        string `json:"name"`
		Title       string `json:"title,omitempty"`
		Description string `json:"description,omitempty"`
		MIMEType    string `json:"mimeType,omitempty"`
	}
	templates := make([]template, 0, len(shown))
	for _, t := range shown {
		templates = append(templates, template{t.URITemplate, t.Name, t.Title, t.Description, t.MIMEType})
	}
	return e.listed(r, "resourceTemplates", templates, next)
}

// listResources answers resources/list: first the resources that everybody has, then those of each template that the
// caller has. They belong to callers and are never put into the library, which has one catalogue for all. A page is
// filled from one family after the other, for many clients read the first page alone.
func (e *Engine) listResources(ctx context.Context, r *Request) (json.RawMessage, error) {
	at, err := cursorIn(r)
	if err != nil {
		return nil, err
	}
	// A cursor is the template whose page comes next and, after a line feed, that page's own cursor.
	family, cursor, _ := strings.Cut(at, "\n")
	start := 0
	resources := []Resource{}
	if at == "" {
		for _, s := range e.cfg.Resources {
			if visible(ctx, s.Visible) {
				resources = append(resources, s.Resource)
			}
		}
	} else if start = indexOf(e.templates, func(t *publishedTemplate) string { return t.URITemplate }, family); start < 0 {
		return nil, errCursor()
	}
	for _, t := range e.templates[start:] {
		if t.List == nil || !visible(ctx, t.Visible) {
			cursor = ""
			continue
		}
		if len(resources) >= e.cfg.PageSize {
			return e.listed(r, "resources", resources, sealCursor(t.URITemplate+"\n"))
		}
		more, next, err := e.listFamily(ctx, t, cursor)
		if err != nil {
			return nil, err
		}
		resources, cursor = append(resources, more...), ""
		if next != "" {
			return e.listed(r, "resources", resources, sealCursor(t.URITemplate+"\n"+next))
		}
	}
	return e.listed(r, "resources", resources, "")
}

// listFamily lists the resources of a template.
func (e *Engine) listFamily(ctx context.Context, t *publishedTemplate, cursor string) ([]Resource, string, error) {
	resources, next, err := t.List(ctx, cursor)
	if err != nil {
		return nil, "", fmt.Errorf("listing %s: %w", t.URITemplate, err)
	}
	return resources, next, nil
}
