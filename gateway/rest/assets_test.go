package rest

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// firstLoad is the most that the first view may take to load, in bytes as they travel. It is all ours: nothing comes from
// elsewhere.
const firstLoad = 60_000

// addresses are the assets that a page names.
func addresses(page string) []string {
	return regexp.MustCompile(`/assets/[0-9a-f]{16}/[\w/.-]+`).FindAllString(page, -1)
}

// travels is how many bytes an answer takes, and what it holds.
func travels(t *testing.T, r reply) (int, string) {
	t.Helper()
	if r.Header.Get("Content-Encoding") != "gzip" {
		return len(r.body), r.body
	}
	unzip, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}
	return len(r.body), string(content)
}

func TestTheFirstLoadIsSmallAndComplete(t *testing.T) {
	w := start(t)
	for _, cookie := range []string{"", "okr_session=a"} {
		for _, path := range []string{"/", "/objective", "/members", "/settings", "/agents", "/about", "/organizations", "/signin", "/oauth/authorize"} {
			t.Run(path+" "+cookie, func(t *testing.T) {
				w := *w
				w.t = t
				firstLoadOf(t, &w, path, http.Header{"Accept-Encoding": {"gzip, deflate, br"}, "Cookie": {cookie}})
			})
		}
	}
}

func firstLoadOf(t *testing.T, w *world, view string, browser http.Header) {
	t.Helper()
	total, page := travels(t, w.do(ask{path: view, header: browser}))
	named := map[string]bool{}
	static := regexp.MustCompile(`\bfrom\s*"(\.[^"]+)"`)
	var modules []string
	for _, address := range addresses(page) {
		if named[address] {
			continue
		}
		named[address] = true
		size, content := travels(t, w.do(ask{path: address, header: browser}))
		total += size
		if strings.HasSuffix(address, ".js") {
			for _, match := range static.FindAllStringSubmatch(content, -1) {
				modules = append(modules, path.Join(path.Dir(address), match[1]))
			}
		}
	}
	for _, module := range modules {
		if !named[module] {
			t.Errorf("the page does not announce %s, which is found late", module)
		}
	}
	t.Logf("the first load takes %d bytes in %d files", total, len(named)+1)
	if total > firstLoad {
		t.Errorf("the first load takes %d bytes, want at most %d", total, firstLoad)
	}
}

func TestEveryImportOfEveryModuleCanBeLoaded(t *testing.T) {
	w := start(t)
	next := addresses(w.do(ask{path: "/"}).body)
	imported := regexp.MustCompile(`(?:\bfrom\s*|\bimport\()"(\.[^"]+)"`)
	seen := map[string]bool{}
	for len(next) > 0 {
		address := next[0]
		next = next[1:]
		if seen[address] {
			continue
		}
		seen[address] = true
		r := w.do(ask{path: address})
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", address, r.StatusCode)
		}
		if !strings.HasSuffix(address, ".js") {
			continue
		}
		if bare := regexp.MustCompile(`\bfrom\s*"[^."][^"]*"`).FindString(r.body); bare != "" {
			t.Errorf("%s imports %s, which browsers cannot find", address, bare)
		}
		for _, match := range imported.FindAllStringSubmatch(r.body, -1) {
			next = append(next, path.Join(path.Dir(address), match[1]))
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d files were found", len(seen))
	}
}

func TestCompression(t *testing.T) {
	w := start(t)
	page := w.do(ask{path: "/"}).body
	var module string
	for _, address := range addresses(page) {
		if strings.HasSuffix(address, "/vendor/preact.js") {
			module = address
		}
	}
	plain := w.do(ask{path: module, header: http.Header{"Accept-Encoding": {"identity"}}})
	for accept, zipped := range map[string]bool{
		"gzip": true, "br, gzip;q=0.8": true, "gzip, deflate": true,
		"identity": false, "br": false, "gzip;q=0": false, "gzip; q=0": false, "x-gzipped": false,
	} {
		r := w.do(ask{path: module, header: http.Header{"Accept-Encoding": {accept}}})
		size, content := travels(t, r)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped || content != plain.body || zipped && size >= len(plain.body) {
			t.Errorf("%q: gzip %t, %d bytes", accept, got, size)
		}
		if same := r.Header.Get("ETag") == plain.Header.Get("ETag"); same == zipped || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: ETag %s, Vary %q", accept, r.Header.Get("ETag"), r.Header.Get("Vary"))
		}
	}
}

func TestThePageKnowsWhatItsScriptsCannotSee(t *testing.T) {
	w := start(t)
	tags := map[string]bool{}
	for cookies, want := range map[string]string{
		"":                                  `<html lang="en">`,
		"okr_session=a":                     `<html lang="en" data-session="session">`,
		"okr_session_jwt=a":                 `<html lang="en" data-session="session">`,
		"okr_signin=a":                      `<html lang="en" data-session="sign-in">`,
		"okr_session=a; okr_signin=a; x=y":  `<html lang="en" data-session="session sign-in">`,
		`okr_session="; data-x="; other=a`:  `<html lang="en">`,
		"__Host-okr_session=a; okr_other=b": `<html lang="en">`,
	} {
		r := w.do(ask{path: "/about", header: http.Header{"Cookie": {cookies}}})
		if !strings.Contains(r.body, want) {
			t.Errorf("%q: want %s in %.120s", cookies, want, r.body)
		}
		if !strings.Contains(r.Header.Get("Vary"), "Cookie") || !strings.Contains(r.Header.Get("Cache-Control"), "private") {
			t.Errorf("%q: Vary %q, Cache-Control %q", cookies, r.Header.Get("Vary"), r.Header.Get("Cache-Control"))
		}
		tags[r.Header.Get("ETag")] = true
	}
	if len(tags) != 4 {
		t.Errorf("four pages have the tags %v", tags)
	}
}

// What is vendored is what was vendored: make vendor writes the digests, and make lint compares with the packages.
func TestVendoredFilesHaveTheirDigests(t *testing.T) {
	const folder = "web/assets/vendor/"
	readme, err := os.ReadFile(folder + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| (\\S+) \\|.*`([0-9a-f]{64})` \\|$").FindAllStringSubmatch(string(readme), -1)
	digests := map[string]string{}
	for _, row := range rows {
		digests[row[1]] = row[2]
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for _, entry := range entries {
		if ext := path.Ext(entry.Name()); ext != ".js" && ext != ".woff2" {
			continue
		}
		served++
		content, err := os.ReadFile(folder + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != digests[entry.Name()] {
			t.Errorf("%s has the digest %s, want %s", entry.Name(), got, digests[entry.Name()])
		}
	}
	if served != len(digests) || served == 0 {
		t.Errorf("%d files are served and %d have digests", served, len(digests))
	}
}
