package conformance

import (
	"context"
	"fmt"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// resource is one that always holds the same.
func resource(uri, mimeType string, contents engine.Contents) engine.StaticResource {
	contents.URI, contents.MIMEType = uri, mimeType
	return engine.StaticResource{
		Resource: engine.Resource{
			URI: uri, Name: uri, Description: "Fixture of the conformance suite.", MIMEType: mimeType,
		},
		Read: func(context.Context, *engine.Reading) ([]engine.Contents, error) {
			return []engine.Contents{contents}, nil
		},
	}
}

func resources() []engine.StaticResource {
	return []engine.StaticResource{
		resource("test://static-text", "text/plain", engine.Contents{Text: "This is the content of the static text resource."}),
		resource("test://static-binary", "image/png", engine.Contents{Blob: decode(pixel)}),
		resource("test://watched-resource", "text/plain", engine.Contents{Text: "Watch this."}),
	}
}

func templates() []engine.Template {
	return []engine.Template{{
		URITemplate: "test://template/{id}/data", Name: "template", Description: "Fixture of the conformance suite.",
		MIMEType: "application/json",
		Read: func(_ context.Context, on *engine.Reading) ([]engine.Contents, error) {
			id := on.Vars["id"]
			return []engine.Contents{{
				URI: on.URI, MIMEType: "application/json",
				Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id),
			}}, nil
		},
	}}
}
