package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// calls has a call of every tool.
var calls = map[string]struct {
	arguments string
	reads     bool
}{
	"whoAmI":                 {`{}`, true},
	"listObjectives":         {`{}`, true},
	"getObjective":           {`{"okrID":"` + knownObjective + `"}`, true},
	"changesSince":           {`{}`, true},
	"addObjective":           {`{"objectiveText":"Grow"}`, false},
	"updateObjective":        {`{"okrID":"` + knownObjective + `","objectiveText":"Grow","etag":"etag-1"}`, false},
	"deleteObjective":        {`{"okrID":"` + knownObjective + `"}`, false},
	"addKeyResult":           {`{"okrID":"` + knownObjective + `","keyResultText":"Grow"}`, false},
	"updateKeyResult":        {`{"keyResultID":"` + knownKeyResult + `","keyResultText":"Grow"}`, false},
	"checkIn":                {`{"keyResultID":"` + knownKeyResult + `","value":"12.50","confidence":"onTrack"}`, false},
	"setKeyResultAttainment": {`{"okrID":"` + knownObjective + `","keyResultID":"` + knownKeyResult + `","attainment":40}`, false},
	"listProposals":          {`{}`, true},
	"deleteKeyResult":        {`{"okrID":"` + knownObjective + `","keyResultID":"` + knownKeyResult + `"}`, false},
}

// What differs between two runs of a transcript: times, and what is sealed.
var (
	anExpiry  = regexp.MustCompile(`"expires":"[^"]+"|\\"expires\\":\\"[^"]+\\"`)
	aState    = regexp.MustCompile(`"requestState":"[^"]+"`)
	aQuestion = regexp.MustCompile(`delete-[A-Z2-7]{26}`)
)

// repeated is what requests of 2026-07-28 repeat in a header.
var repeated = map[string]*regexp.Regexp{
	"tools/call":     regexp.MustCompile(`"name":"([^"]+)"`),
	"prompts/get":    regexp.MustCompile(`"name":"([^"]+)"`),
	"resources/read": regexp.MustCompile(`"uri":"([^"]+)"`),
}

// transcript is a request and its answer as a reader of a file wants to see them.
func (w *world) transcript(token, version, method, params string) string {
	w.t.Helper()
	header := []string{"Mcp-Protocol-Version", version}
	if version == "2026-07-28" {
		params = fmt.Sprintf(modernMeta, canAsk) + "," + params
		header = append(header, "Mcp-Method", method)
		if named := repeated[method]; named != nil {
			header = append(header, "Mcp-Name", named.FindStringSubmatch(params)[1])
		}
	}
	request := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + `}}`
	resp := w.send(token, http.MethodPost, request, header...)
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for what, instead := range map[*regexp.Regexp]string{
		anExpiry: `"expires":"…"`, aState: `"requestState":"…"`, aQuestion: "delete-…",
	} {
		answer = what.ReplaceAll(answer, []byte(instead))
	}
	var out bytes.Buffer
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&out, "%s: %s\n", header[i], header[i+1])
	}
	for _, message := range [][]byte{[]byte(request), answer} {
		out.WriteByte('\n')
		if err := json.Indent(&out, message, "", "  "); err != nil {
			w.t.Fatalf("%v: %s", err, message)
		}
		out.WriteByte('\n')
		if strings.HasPrefix(string(message), `{"jsonrpc":"2.0","id":1,"method"`) {
			fmt.Fprintf(&out, "\n%s\n", resp.Status)
		}
	}
	return out.String()
}

// golden compares a text with the file that has it, or writes it anew.
func golden(t *testing.T, got string, path ...string) {
	t.Helper()
	file := filepath.Join(append([]string{"testdata"}, path...)...)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || got != string(want) {
		t.Errorf("it is\n%s\nand not as in %s (%v)", got, file, err)
	}
}

// What goes over the wire for a call of each tool, in each era, is an interface too.
func TestCallsGoAsTheyAreWrittenDown(t *testing.T) {
	w := start(t)
	listed := map[string]bool{}
	for _, l := range w.listings() {
		listed[l.Name] = true
		call, ok := calls[l.Name]
		if !ok {
			t.Errorf("there is no call of %s", l.Name)
			continue
		}
		for _, version := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
			golden(t, w.transcript("all", version, "tools/call", `"name":"`+l.Name+`","arguments":`+call.arguments),
				"transcripts", version, l.Name+".txt")
		}
	}
	for name := range calls {
		if !listed[name] {
			t.Errorf("%s is called and not listed", name)
		}
	}
}

func TestPromptsGoAsTheyAreWrittenDown(t *testing.T) {
	w := start(t)
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		golden(t, w.transcript("all", version, "prompts/list", `"_":0`), "transcripts", version, "prompts.txt")
		golden(t, w.transcript("all", version, "prompts/get", `"name":"weekly_check_in"`), "transcripts", version, "weekly_check_in.txt")
		golden(t, w.transcript("all", version, "prompts/get", `"name":"draft_key_results","arguments":{"okrID":"`+knownObjective+`"}`),
			"transcripts", version, "draft_key_results.txt")
	}
}

func TestResourcesGoAsTheyAreWrittenDown(t *testing.T) {
	w := start(t)
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		for file, request := range map[string][2]string{
			"resources.txt":          {"resources/list", `"_":0`},
			"resource_templates.txt": {"resources/templates/list", `"_":0`},
			"read_objective.txt":     {"resources/read", `"uri":"` + theObjective + `"`},
			"read_key_result.txt":    {"resources/read", `"uri":"` + theKeyResult + `"`},
			"read_nothing.txt":       {"resources/read", `"uri":"okrmanager://unknown/1"`},
			"complete.txt":           {"completion/complete", `"ref":{"type":"ref/resource","uri":"okrmanager://objectives/{id}"},"argument":{"name":"id","value":"okr_"}`},
		} {
			golden(t, w.transcript("all", version, request[0], request[1]), "transcripts", version, file)
		}
	}
}

func TestTheServerIntroducesItselfAsItIsWrittenDown(t *testing.T) {
	w := start(t)
	golden(t, w.transcript("all", "2026-07-28", "server/discover", `"_":0`), "transcripts", "2026-07-28", "introduction.txt")
	for _, version := range []string{"2025-06-18", "2025-11-25"} {
		golden(t, w.transcript("all", version, "initialize",
			`"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"test","version":"1"}`), "transcripts", version, "introduction.txt")
	}
}
