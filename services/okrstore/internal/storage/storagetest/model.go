package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

var modelTests = map[string]func(*testing.T, Factory){
	"random programs do what they do to a map": testRandomPrograms,
}

// A model is what the data of an organization should be.
type model map[string]string

// list returns what r selects, found the slow way.
func (m model) list(r storage.Range) []string {
	var got []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(key, string(r.Prefix)) && key >= string(r.Start) && (len(r.End) == 0 || key < string(r.End)) {
			got = append(got, fmt.Sprintf("%s=%s", key, m[key]))
		}
	}
	if r.Reverse {
		slices.Reverse(got)
	}
	if r.Limit > 0 && len(got) > r.Limit {
		got = got[:r.Limit]
	}
	return got
}

// testRandomPrograms uses one engine for all programs, each on organizations
// of its own: what the others left around these is part of the test.
func testRandomPrograms(t *testing.T, f Factory) {
	e := f.New(t)
	program := 0
	rapid.Check(t, func(rt *rapid.T) {
		program++
		p := &programRun{engine: e, ids: []string{
			fmt.Sprintf("p%d", program), fmt.Sprintf("p%d.", program), fmt.Sprintf("p%d.x", program),
		}}
		p.committed = map[string]model{p.ids[0]: {}, p.ids[1]: {}, p.ids[2]: {}}
		rt.Repeat(map[string]func(*rapid.T){
			"update": func(rt *rapid.T) { p.update(t, rt) },
			"view":   func(rt *rapid.T) { p.view(t, rt) },
		})
		for _, id := range p.ids {
			if got, want := content(t, e, id), p.committed[id].list(storage.Range{}); !slices.Equal(got, want) {
				rt.Fatalf("at the end %s holds %q, want %q", id, got, want)
			}
		}
	})
	if f.Reopen == nil {
		return
	}
	before := content(t, e, "p1")
	e = f.Reopen(t, e)
	wantContent(t, e, "p1", before...)
}

type programRun struct {
	engine    storage.Engine
	ids       []string
	committed map[string]model
}

var (
	// Few keys, so that programs meet what they wrote; the bytes at both ends
	// of the order, because bounds go wrong there.
	genKey = rapid.Custom(func(rt *rapid.T) []byte {
		return rapid.SliceOfN(rapid.SampledFrom([]byte{0x00, 'a', 'b', 0xfe, 0xff}), 1, 3).Draw(rt, "key")
	})
	genBound = rapid.OneOf(rapid.Just([]byte(nil)), genKey)
	genValue = rapid.SliceOfN(rapid.Byte(), 0, 8)
	genRange = rapid.Custom(func(rt *rapid.T) storage.Range {
		return storage.Range{
			Prefix:  genBound.Draw(rt, "prefix"),
			Start:   genBound.Draw(rt, "start"),
			End:     genBound.Draw(rt, "end"),
			Reverse: rapid.Bool().Draw(rt, "reverse"),
			Limit:   rapid.IntRange(0, 4).Draw(rt, "limit"),
		}
	})
	genRead = rapid.Custom(func(rt *rapid.T) read {
		return read{key: genKey.Draw(rt, "get"), r: genRange.Draw(rt, "range")}
	})
	genStep = rapid.Custom(func(rt *rapid.T) step {
		return step{
			delete: rapid.Bool().Draw(rt, "delete"),
			key:    genKey.Draw(rt, "key"),
			value:  genValue.Draw(rt, "value"),
			read:   genRead.Draw(rt, "then"),
		}
	})
)

// A step is one write and what is read after it. All is drawn before the
// transaction begins: rapid draws by panics, which are not the engine's to
// catch.
type step struct {
	delete     bool
	key, value []byte
	read       read
}

type read struct {
	key []byte
	r   storage.Range
}

func (p *programRun) update(t *testing.T, rt *rapid.T) {
	id := rapid.SampledFrom(p.ids).Draw(rt, "organization")
	end := rapid.SampledFrom([]string{"commit", "commit", "commit", "fail", "panic"}).Draw(rt, "end")
	steps := rapid.SliceOfN(genStep, 0, 8).Draw(rt, "steps")
	m := maps.Clone(p.committed[id])
	err := p.engine.Update(t.Context(), id, func(tx storage.Tx) error {
		for _, s := range steps {
			var err error
			if s.delete {
				err = tx.Delete(s.key)
				delete(m, string(s.key))
			} else {
				err = tx.Put(s.key, s.value)
				m[string(s.key)] = string(s.value)
			}
			if err != nil {
				return err
			}
			if err := compare(tx, m, s.read); err != nil {
				return err
			}
		}
		switch end {
		case "fail":
			return errRefused
		case "panic":
			panic(errRefused)
		}
		return nil
	})
	_, panicked := errors.AsType[*storage.PanicError](err)
	switch {
	case end == "commit" && err == nil:
		p.committed[id] = m
	case end == "fail" && err == errRefused, end == "panic" && panicked:
	default:
		rt.Fatalf("an update that should %s returned %v", end, err)
	}
}

func (p *programRun) view(t *testing.T, rt *rapid.T) {
	id := rapid.SampledFrom(p.ids).Draw(rt, "organization")
	what := genRead.Draw(rt, "read")
	err := p.engine.View(t.Context(), id, func(tx storage.Tx) error {
		return compare(tx, p.committed[id], what)
	})
	if err != nil {
		rt.Fatalf("view: %v", err)
	}
}

// compare reads one key and one range.
func compare(tx storage.Tx, m model, what read) error {
	got, err := tx.Get(what.key)
	want, ok := m[string(what.key)]
	if ok && (err != nil || string(got) != want) || !ok && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("get %q: %q, %v; want %q, %t", what.key, got, err, want, ok)
	}
	pairs, err := list(tx, what.r)
	if want := m.list(what.r); err != nil || !slices.Equal(pairs, want) {
		return fmt.Errorf("range %+v: %q, %v; want %q", what.r, pairs, err, want)
	}
	return nil
}
