package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/internal/front"
)

// assetFiles are the files of the app. What is beside them, types and licences, stays in
// the repository.
//
//go:embed assets/*.js assets/*.svg assets/*/*.js assets/*/*.css assets/*/*.woff2
var assetFiles embed.FS

// file is something to serve, as it is and compressed.
type file struct {
	content []byte
	// zipped is nil where compression does not pay. A file is compressed when somebody first takes it so.
	zipped func() []byte
	// imports are the modules that a module imports statically; they are looked for once.
	imports func() []string
	kind    string
	tag     string
}

func newFile(content []byte, kind string) file { return newAsset("", content, kind) }

// newAsset is newFile for a module under its name, which its imports are relative to.
func newAsset(name string, content []byte, kind string) file {
	sum := sha256.Sum256(content)
	return file{
		content: content,
		zipped:  sync.OnceValue(func() []byte { return zip(content) }),
		imports: sync.OnceValue(func() []string {
			var names []string
			for _, match := range imports.FindAllSubmatch(content, -1) {
				names = append(names, path.Join(path.Dir(name), string(match[1])))
			}
			return names
		}),
		kind: kind,
		tag:  hex.EncodeToString(sum[:8]),
	}
}

func zip(content []byte) []byte {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil { // only for a level that does not exist
		panic(err)
	}
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()
	if zipped.Len() >= len(content)*9/10 {
		return nil
	}
	return zipped.Bytes()
}

// serve answers with a file and its ETag, compressed for those who take it (RFC 9110 section 12.5.3); net/http takes care
// of conditions and ranges.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.kind)
	content, tag := f.content, f.tag
	header.Add("Vary", "Accept-Encoding")
	if takesGzip(r) {
		if zipped := f.zipped(); zipped != nil {
			header.Set("Content-Encoding", "gzip")
			content, tag = zipped, f.tag+"-gzip"
		}
	}
	header.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// takesGzip says whether a client asks for gzip by name. Whoever weighs encodings against each other gets none.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if name, weight, _ := strings.Cut(strings.TrimSpace(part), ";"); name == "gzip" {
			return strings.TrimSpace(weight) != "q=0"
		}
	}
	return false
}

// assets are the files that pages are made of.
type assets struct {
	digest string // of all of them: a change of one changes the address of each, because they name each other
	files  map[string]file
}

func loadAssets() (assets, error) {
	a := assets{files: map[string]file{}}
	sum := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
		name = strings.TrimPrefix(name, "assets/")
		if !strings.HasPrefix(name, "vendor/") {
			content = forMachines(path.Ext(name), content)
		}
		a.files[name] = newAsset(name, content, kindOf(name))
		return nil
	})
	if err != nil {
		return assets{}, fmt.Errorf("reading the assets: %w", err)
	}
	a.digest = hex.EncodeToString(sum.Sum(nil)[:8])
	return a, nil
}

// forReaders is what is written in our own files for those who read the source: JSDoc anywhere in a module, comments on
// lines of their own, and how far lines are indented. Texts that go over several lines are templates of markup alone, which
// take no notice of indentation.
var forReaders = map[string]*regexp.Regexp{
	".js":  regexp.MustCompile(`(?s:/\*\*.*?\*/[ \t]*)|(?m:^[ \t]*//.*\n)|(?m:^[ \t]+)`),
	".css": regexp.MustCompile(`(?s:/\*.*?\*/)|(?m:^[ \t]+)`),
}

// forMachines makes a file smaller by a third on its way to the browser, without a build step.
func forMachines(kind string, content []byte) []byte {
	if pattern, ok := forReaders[kind]; ok {
		return pattern.ReplaceAll(content, nil)
	}
	return content
}

// kindOf is a file's content type; for those that every browser must get right, whatever the machine's table says.
func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	default:
		return mime.TypeByExtension(ext)
	}
}

func (a assets) address(name string) (string, error) {
	if _, ok := a.files[name]; !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return "/assets/" + a.digest + "/" + name, nil
}

// imports finds the static imports of a module. Those that are made when they are needed have another form.
var imports = regexp.MustCompile(`\bfrom\s*"(\.[^"]+)"`)

// modules are all the modules that some need. The browser is told of them, so that it asks for them at once and not one
// after the other.
func (a assets) modules(entries ...string) ([]string, error) {
	seen := map[string]bool{}
	next := slices.Clone(entries)
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if seen[name] {
			continue
		}
		f, ok := a.files[name]
		if !ok {
			return nil, fmt.Errorf("there is no module %q", name)
		}
		seen[name] = true
		next = append(next, f.imports()...)
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// asset answers with an asset under an address that changes with the assets, so that browsers need never ask again.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	front.SetRoute(r.Context(), "/assets/{digest}/{name}")
	f, ok := s.assets.files[r.PathValue("name")]
	if !ok || r.PathValue("digest") != s.assets.digest {
		s.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	f.serve(w, r)
}
