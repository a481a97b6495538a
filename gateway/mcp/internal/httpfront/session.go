package httpfront

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/engine"
	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// headerSession carries the session of the older revisions.
const headerSession = "Mcp-Session-Id"

// session is what initialize agreed on. Its id is itself, sealed for its caller: any replica can read it, nobody has to
// keep it, and with another's credential it is nothing.
type session struct {
	id string

	Version      engine.Version  `json:"v"`
	Capabilities json.RawMessage `json:"c,omitempty"`
	// Nonce makes ids of the same agreement differ.
	Nonce string `json:"n"`
}

// begin makes the session that initialize answers with.
func (f *front) begin(v *visit, m *wire.Message, version engine.Version) {
	s := session{Version: version, Nonce: rand.Text()}
	if _, ok := m.Params.Object("capabilities"); ok {
		s.Capabilities = m.Params.Get("capabilities")
	}
	plain, err := json.Marshal(s)
	if err != nil || len(plain) > maxSession { // what a client declares is a few words; without, it declares nothing
		s.Capabilities = nil
		if plain, err = json.Marshal(s); err != nil {
			return // texts always encode
		}
	}
	v.w.Header().Set(headerSession, f.seal.Seal(plain, v.caller))
}

// maxSession bounds a session in bytes: it comes back as a header with every request.
const maxSession = 2 << 10

// resume reads the session of a request; nil if it has none, or if there are none. It answers for one that is not of
// this server and caller: the client then begins anew (2025-11-25, Session Management).
func (f *front) resume(v *visit, id json.RawMessage) (s *session, ok bool) {
	text := v.r.Header.Get(headerSession)
	if f.seal == nil || text == "" {
		return nil, true
	}
	s = &session{id: text}
	plain, err := f.seal.Open(text, v.caller)
	if err != nil || json.Unmarshal(plain, s) != nil {
		refuse(v.w, id, http.StatusNotFound, engine.CodeInvalidRequest, "there is no such session: initialize again")
		return nil, false
	}
	return s, true
}

// capabilities are those that the client declared.
func (s *session) capabilities() wire.Object {
	if s == nil || s.Capabilities == nil {
		return nil
	}
	declared, err := wire.Parse(s.Capabilities)
	if err != nil {
		return nil
	}
	return declared
}

// wishes are what clients of the older revisions said in one request and mean for others: a level for log messages, and
// resources to hear of. They are kept here alone, for as long as the client listens or comes back, and are bounded.
type wishes struct {
	mu  sync.Mutex
	all map[string]*wish // by session id
}

type wish struct {
	caller string
	used   time.Time
	level  string
	uris   []string
	// changed is closed, and replaced, when uris changed.
	changed chan struct{}
	// stop ends the stream that listens; nil if none does.
	stop context.CancelCauseFunc
}

// Bounds of wishes.
const (
	maxWishes       = 4096
	maxCallerWishes = 32
	maxSubscribed   = 1000
	wishTTL         = 30 * time.Minute
)

// update changes the wish of a session, and says whether there was room.
func (l *wishes) update(id, caller string, change func(*wish) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.all[id]
	if w == nil {
		if !l.room(caller) {
			return false
		}
		w = &wish{caller: caller, changed: make(chan struct{})}
		l.all[id] = w
	}
	w.used = time.Now()
	return change(w)
}

// room makes room for one more wish of a caller: what nobody came back to goes, and then the caller's own oldest.
func (l *wishes) room(caller string) bool {
	if l.all == nil {
		l.all = make(map[string]*wish)
	}
	own, oldest := 0, ""
	for id, w := range l.all {
		switch {
		case w.stop == nil && time.Since(w.used) > wishTTL:
			delete(l.all, id)
		case w.caller == caller:
			own++
			if w.stop == nil && (oldest == "" || w.used.Before(l.all[oldest].used)) {
				oldest = id
			}
		}
	}
	if own < maxCallerWishes && len(l.all) < maxWishes {
		return true
	}
	delete(l.all, oldest)
	return oldest != ""
}

// level is the level of log messages that a session wants.
func (l *wishes) level(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.all[id]; w != nil && w.level != "" {
		return w.level
	}
	return "info"
}

// subscribe adds a resource, unsubscribe takes it away.
func (w *wish) subscribe(uri string) bool {
	if slices.Contains(w.uris, uri) {
		return true
	}
	if len(w.uris) == maxSubscribed {
		return false
	}
	w.uris = append(w.uris, uri)
	w.wake()
	return true
}

func (w *wish) unsubscribe(uri string) bool {
	w.uris = slices.DeleteFunc(slices.Clone(w.uris), func(other string) bool { return other == uri })
	w.wake()
	return true
}

func (w *wish) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}
