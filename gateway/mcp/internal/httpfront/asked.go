package httpfront

import (
	"crypto/rand"
	"encoding/json"
	"sync"

	"github.com/df0f9dda/okr-manager/gateway/mcp/internal/wire"
)

// asked are the requests to clients of the older revisions that wait for an answer. The zero value has none.
type asked struct {
	mu      sync.Mutex
	waiting map[string]question
}

// question is one of them. Its id cannot be guessed, and its caller alone may answer.
type question struct {
	caller  string
	answers chan *wire.Message
}

// open begins to wait. The answers never block who brings one.
func (a *asked) open(caller string) (id string, answers <-chan *wire.Message) {
	q := question{caller, make(chan *wire.Message, 1)}
	id = rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = make(map[string]question)
	}
	a.waiting[id] = q
	return id, q.answers
}

func (a *asked) close(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
}

// deliver brings an answer, and says whether it was waited for.
func (a *asked) deliver(caller string, m *wire.Message) bool {
	var id string
	if json.Unmarshal(m.ID, &id) != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	q, ok := a.waiting[id]
	if !ok || q.caller != caller {
		return false
	}
	delete(a.waiting, id)
	q.answers <- m
	return true
}
