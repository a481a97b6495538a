package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
)

// The conformance suite calls tools, prompts and resources by names of its own. A translation puts into its requests what
// the product has that does what those are for, so that the product itself is asked; nothing of an answer is changed.
type translation struct {
	// named are tools and prompts, with the arguments to give them; completed are the arguments to complete.
	named     map[string]called
	completed map[string]string
	resources map[string]string // URIs
}

type called struct {
	name      string
	arguments map[string]any
}

// translationTo translates to objectives of the token's organization, which it makes.
func translationTo(t *testing.T, token string) translation {
	t.Helper()
	kept := objective(t, token, "Keep the number 123") // which the suite looks for in what it reads
	id := map[string]any{"okrID": kept}
	uri := "okrmanager://objectives/" + kept
	return translation{
		named: map[string]called{
			"test_simple_text":                          {"whoAmI", nil},
			"test_logging_tool":                         {"whoAmI", nil},
			"test_error_handling":                       {"getObjective", nil}, // without the id that it needs
			"test_streaming_elicitation":                {"deleteObjective", id},
			"test_input_required_result_elicitation":    {"deleteObjective", id}, // which asks first
			"test_input_required_result_tampered_state": {"deleteObjective", id},
			"test_input_required_result_request_state":  {"deleteObjective", map[string]any{"okrID": objective(t, token, "Go")}},
			"test_simple_prompt":                        {"weekly_check_in", nil},
			"test_prompt_with_arguments":                {"draft_key_results", id},
			"test_prompt_with_embedded_resource":        {"draft_key_results", id},
		},
		completed: map[string]string{"arg1": "okrID"},
		resources: map[string]string{
			"test://static-text": uri, "test://template/123/data": uri, "test://watched-resource": uri,
		},
	}
}

// objective makes an objective and answers its id.
func objective(t *testing.T, token, title string) string {
	t.Helper()
	body, err := json.Marshal(fields{"title": title})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, running.PublicURL+"/api/v1/objectives", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var made struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.ID == "" {
		t.Fatalf("making an objective: %s, %v", resp.Status, err)
	}
	return made.ID
}

// translate changes a request of the suite. Whatever it does not know, malformed messages too, stays as it is.
func (t translation) translate(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if translated, err := t.message(body); err == nil {
		body = translated
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	if to, known := t.named[r.Header.Get("Mcp-Name")]; known {
		r.Header.Set("Mcp-Name", to.name)
	}
	if to, known := t.resources[r.Header.Get("Mcp-Name")]; known {
		r.Header.Set("Mcp-Name", to)
	}
	return nil
}

var errUnknown = errors.New("there is nothing to translate")

func (t translation) message(body []byte) ([]byte, error) {
	var message map[string]any
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, err
	}
	params, _ := message["params"].(map[string]any)
	ref, _ := params["ref"].(map[string]any)
	changed := false
	for _, of := range []map[string]any{params, ref} {
		name, _ := of["name"].(string)
		to, known := t.named[name]
		if !known {
			continue
		}
		of["name"], changed = to.name, true
		if to.arguments != nil && ref == nil {
			of["arguments"] = to.arguments
		}
	}
	if argument, _ := params["argument"].(map[string]any); changed && argument != nil {
		if name, _ := argument["name"].(string); t.completed[name] != "" {
			argument["name"] = t.completed[name]
		}
	}
	if uri, _ := params["uri"].(string); t.resources[uri] != "" {
		params["uri"], changed = t.resources[uri], true
	}
	if !changed {
		return nil, errUnknown
	}
	return json.Marshal(message)
}
