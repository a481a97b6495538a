package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
)

// Media of one pixel, and of no sound.
const (
	pixel   = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
	silence = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="
)

// decode reads one of the media.
func decode(media string) []byte {
	data, err := base64.StdEncoding.DecodeString(media)
	if err != nil {
		panic(err) // they stand above
	}
	return data
}

// empty is the schema of tools without arguments.
const empty = `{"type":"object","properties":{}}`

// tool is a tool of the suite.
func tool(name, input string, call func(context.Context, *engine.ToolCall) (*engine.ToolResult, error)) engine.Tool {
	return engine.Tool{
		Name: name, Title: name, Description: "Fixture of the conformance suite.",
		Hints: engine.Hints{ReadOnly: true, Idempotent: true}, Input: json.RawMessage(input), Call: call,
	}
}

// answer is a tool that answers blocks.
func answer(name string, content ...engine.Content) engine.Tool {
	return tool(name, empty, func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
		return &engine.ToolResult{Content: content}, nil
	})
}

// text is a result.
func text(text string) *engine.ToolResult { return &engine.ToolResult{Text: text} }

func tools(hub *hub) []engine.Tool {
	all := []engine.Tool{
		answer("test_simple_text", engine.Text("This is a simple text response for testing.")),
		answer("test_image_content", engine.Image(decode(pixel), "image/png")),
		answer("test_audio_content", engine.Audio(decode(silence), "audio/wav")),
		answer("test_embedded_resource", engine.Embed(engine.Contents{
			URI: "test://embedded-resource", MIMEType: "text/plain", Text: "This is an embedded resource content.",
		})),
		answer("test_multiple_content_types",
			engine.Text("Multiple content types test:"),
			engine.Image(decode(pixel), "image/png"),
			engine.Embed(engine.Contents{
				URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`,
			})),
		answer("test_reconnection", engine.Text("Reconnected.")),
		tool("test_error_handling", empty, func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return engine.Failure("This tool intentionally returns an error for testing"), nil
		}),
		tool("test_tool_with_logging", empty, withLogging),
		tool("test_logging_tool", empty, withLogging),
		tool("test_tool_with_progress", empty, withProgress),
		tool("test_trigger_tool_change", empty, trigger(hub, engine.ToolsChanged)),
		tool("test_trigger_prompt_change", empty, trigger(hub, engine.PromptsChanged)),
		tool("json_schema_2020_12_tool", schema202012, func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
			return text("The schema was satisfied."), nil
		}),
		tool("test_custom_header", `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`,
			func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
				return text("The header was the same."), nil
			}),
	}
	return append(all, questions()...)
}

// schema202012 has the vocabulary that the suite looks for.
const schema202012 = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "$defs": {
    "address": {
      "$anchor": "addressDef",
      "type": "object",
      "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
    }
  },
  "properties": {
    "name": {"type": "string"},
    "address": {"$ref": "#/$defs/address"},
    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
    "phone": {"type": "string"},
    "email": {"type": "string"}
  },
  "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
  "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
  "then": {"required": ["phone"]},
  "else": {"required": ["email"]},
  "additionalProperties": false
}`

// pause is the time between two messages that the suite wants to tell apart.
const pause = 50 * time.Millisecond

// wait waits for a pause, or for the caller to give up.
func wait(ctx context.Context) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func withLogging(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
	for i, message := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
		if i > 0 {
			if err := wait(ctx); err != nil {
				return nil, err
			}
		}
		call.Log("info", message)
	}
	return text("Logged."), nil
}

func withProgress(ctx context.Context, call *engine.ToolCall) (*engine.ToolResult, error) {
	for i, progress := range []float64{0, 50, 100} {
		if i > 0 {
			if err := wait(ctx); err != nil {
				return nil, err
			}
		}
		call.Progress(progress, 100, "")
	}
	return text("Done."), nil
}

func trigger(hub *hub, kind engine.NotificationKind) func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
	return func(context.Context, *engine.ToolCall) (*engine.ToolResult, error) {
		hub.publish(engine.Notification{Kind: kind})
		return text("Triggered."), nil
	}
}
