package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// chainedValue is a change as it is stored when it is the first one.
func chainedValue(c *okrv1.Change) ([]byte, error) {
	value, _, err := encodeChange(c, chainHash{})
	return value, err
}

// verified checks an organization's log.
func verified(t testing.TB, engine storage.Engine, organization string, expected ...Head) Verification {
	t.Helper()
	var v Verification
	err := engine.View(t.Context(), organization, func(tx storage.Tx) (err error) {
		v, err = Verify(tx, expected)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// checkChain checks after each test that the log is a chain, unless the test closed the engine.
func checkChain(t testing.TB, engine storage.Engine, organization string) {
	t.Helper()
	var v Verification
	err := engine.View(context.WithoutCancel(t.Context()), organization, func(tx storage.Tx) (err error) {
		v, err = Verify(tx, nil)
		return err
	})
	if errors.Is(err, storage.ErrClosed) {
		return
	}
	if err != nil || v.Broken != nil {
		t.Errorf("the change log of %s: %v, %v", organization, v.Broken, err)
	}
}

// logOf makes a log of seven changes of all shapes, and returns its records and the head after each change.
func logOf(t *testing.T) (log []storage.KV, heads []Head) {
	t.Helper()
	f := newFixture(t)
	note := func() {
		head := must(f.GetChangeLogHead(f.as(ceo), &okrv1.GetChangeLogHeadRequest{}))(t)
		heads = append(heads, must(ParseHead(fmt.Sprint(head.GetSeq(), ":", head.GetHash())))(t))
	}
	note()
	o := f.createObjective("Grow")
	note()
	k := f.createKeyResult(o.GetId(), "By ten")
	note()
	f.setAttainment(k.GetId(), 40)
	note()
	must(f.UpdateKeyResult(f.as(reporter), &okrv1.UpdateKeyResultRequest{KeyResult: &okrv1.KeyResult{Id: k.GetId(), Title: "By five"}}))(t)
	note()
	must(f.CloseObjective(f.as(ceo), &okrv1.CloseObjectiveRequest{ObjectiveId: o.GetId(), Score: "0.5"}))(t)
	note()
	must(f.DeleteKeyResult(f.as(ceo), &okrv1.DeleteKeyResultRequest{KeyResultId: k.GetId()}))(t)
	note()
	must(f.DeleteObjective(f.as(ceo), &okrv1.DeleteObjectiveRequest{ObjectiveId: o.GetId()}))(t)
	note()
	for key, value := range contents(t, f.engine, acme, "") {
		if key == keyHead || strings.HasPrefix(key, prefixChange) {
			log = append(log, storage.KV{Key: []byte(key), Value: value})
		}
	}
	slices.SortFunc(log, func(a, b storage.KV) int { return bytes.Compare(a.Key, b.Key) })
	return log, heads
}

// planted is an engine with these records of Acme.
func planted(t testing.TB, records []storage.KV) storage.Engine {
	t.Helper()
	engine := memengine.New() // thousands of them
	err := engine.Update(t.Context(), acme, func(tx storage.Tx) error {
		for _, kv := range records {
			if err := tx.Put(kv.Key, kv.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func cloned(log []storage.KV) []storage.KV {
	fresh := make([]storage.KV, len(log))
	for i, kv := range log {
		fresh[i] = kv.Clone()
	}
	return fresh
}

func TestALogThatIsAsItWasWrittenIsVerified(t *testing.T) {
	log, heads := logOf(t)
	v := verified(t, planted(t, log), acme, heads...)
	if v.Broken != nil || v.Checked != 7 || v.Head != heads[7] {
		t.Errorf("verified as %+v, want 7 changes and the head %v", v, heads[7])
	}
	if v := verified(t, newEngine(t), acme, heads[0]); v.Broken != nil || v.Checked != 0 || v.Head != heads[0] {
		t.Errorf("an empty log is verified as %+v", v)
	}
}

func TestEveryByteOfALogThatWasFlippedIsFoundInItsPlace(t *testing.T) {
	log, _ := logOf(t)
	flipped := 0
	for row := range log {
		for at := range log[row].Value {
			for _, bit := range []byte{1, 0x80} {
				damaged := cloned(log)
				damaged[row].Value[at] ^= bit
				v := verified(t, planted(t, damaged), acme)
				flipped++
				want := int64(row + 1)
				if row == 7 { // the head, which is the last of the records
					if v.Broken == nil || v.Checked != 7 || !strings.Contains(v.Broken.Error(), "the head of the log") {
						t.Fatalf("byte %d of the head: %+v", at, v)
					}
					continue
				}
				if v.Broken == nil || v.Broken.Seq != want || v.Checked != want-1 {
					t.Fatalf("byte %d of change %d: %+v", at, want, v)
				}
			}
		}
	}
	if flipped < 2_000 {
		t.Errorf("%d flips only", flipped)
	}
}

// What somebody does to the records of a log who can write to the file.
func TestALogThatWasTamperedWith(t *testing.T) {
	log, heads := logOf(t)
	const head = 7 // the place of the head among the records
	last := heads[7]
	// rehash writes all hashes anew from a change on, and the head.
	rehash := func(records []storage.KV) []storage.KV {
		var hash chainHash
		for i := range records[:len(records)-1] {
			copy(records[i].Value[1:], hash[:])
			hash = linkChange(records[i].Value)
		}
		c := must(decodeChange(records[len(records)-2]))(t)
		value := append(chained(hash), must(encode(&okrv1.Change{Seq: c.GetSeq(), CreateTime: c.GetCreateTime()}))(t)[1:]...)
		records[len(records)-1].Value = value
		return records
	}
	retitled := func() []storage.KV {
		records := cloned(log)
		c := must(decodeChange(records[2]))(t)
		c.Actor.DisplayName = "Somebody else"
		records[2].Value = append(chained(chainHash{}), must(encode(c))(t)[1:]...)
		return records
	}
	headOf := func(seq int) storage.KV {
		c := must(decodeChange(log[seq-1]))(t)
		value := append(chained(heads[seq].hash), must(encode(&okrv1.Change{Seq: c.GetSeq(), CreateTime: c.GetCreateTime()}))(t)[1:]...)
		return storage.KV{Key: []byte(keyHead), Value: value}
	}
	tests := map[string]struct {
		records  []storage.KV
		expected []Head
		seq      int64
		says     string
	}{
		"the last change dropped":                 {append(cloned(log[:6]), log[head]), nil, 7, "missing"},
		"the last change dropped, and the head":   {append(cloned(log[:6]), headOf(6)), []Head{last}, 7, "expected to go on to change 7"},
		"the last two dropped, and the head":      {append(cloned(log[:5]), headOf(5)), []Head{last}, 6, "expected to go on to change 7"},
		"everything dropped":                      {nil, []Head{last}, 1, "expected to go on"},
		"the head dropped":                        {cloned(log[:7]), nil, 1, "added"},
		"a change in the middle dropped":          {append(cloned(log[:3]), log[4:]...), nil, 4, "missing"},
		"the first change dropped":                {cloned(log[1:]), nil, 1, "missing"},
		"two changes exchanged, with their keys":  {swapped(log, 3, 4, false), nil, 4, "stands in its place"},
		"two changes exchanged, and their places": {swapped(log, 3, 4, true), nil, 4, "stands in its place"},
		"a change added at the end":               {added(t, log, last), nil, 8, "added"},
		"a change added in the middle":            {inserted(log), nil, 5, "stands in its place"},
		"a change under a key that is none":       {append(cloned(log), storage.KV{Key: []byte(prefixChange + "x"), Value: log[0].Value}), nil, 8, "no place"},
		"a change of another format":              {replaced(log, 2, []byte{99}), nil, 3, "cannot be read"},
		"a change written anew":                   {retitled(), nil, 3, "not what was written"},
		"a change written anew, and all hashes":   {rehash(retitled()), []Head{last}, 7, "written anew"},
		"the same, with an early head":            {rehash(retitled()), []Head{last, heads[3]}, 3, "written anew"},
		"another log than the one expected":       {cloned(log), []Head{{seq: 5, hash: chainHash{1}}}, 5, "expected is 01000000"},
		"another beginning than the one expected": {cloned(log), []Head{{hash: chainHash{1}}}, 0, "expected is 01000000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v := verified(t, planted(t, test.records), acme, test.expected...)
			if v.Broken == nil || v.Broken.Seq != test.seq || !strings.Contains(v.Broken.Error(), test.says) {
				t.Errorf("found %+v, want change %d and %q", v, test.seq, test.says)
			}
		})
	}
	t.Run("who knows no head cannot tell that all hashes were written anew", func(t *testing.T) {
		if v := verified(t, planted(t, rehash(retitled())), acme); v.Broken != nil {
			t.Errorf("found %v; the limits of the log say otherwise", v.Broken)
		}
	})
}

// swapped exchanges two changes. Each keeps its own sequence number, or gets that of the place where it stands.
func swapped(log []storage.KV, a, b int, places bool) []storage.KV {
	records := cloned(log)
	records[a].Value, records[b].Value = records[b].Value, records[a].Value
	if places { // the hashes stay where they were
		hash := bytes.Clone(records[a].Value[1:33])
		copy(records[a].Value[1:33], records[b].Value[1:33])
		copy(records[b].Value[1:33], hash)
	}
	return records
}

// added appends a change that follows from the last one, without the head.
func added(t *testing.T, log []storage.KV, last Head) []storage.KV {
	t.Helper()
	c := must(decodeChange(log[last.seq-1]))(t)
	c.Seq++
	value, _, err := encodeChange(c, last.hash)
	return append(cloned(log), storage.KV{Key: changeKey(c.GetSeq()), Value: must(value, err)(t)})
}

// inserted moves all changes from the fifth on by one place and puts the fourth in twice.
func inserted(log []storage.KV) []storage.KV {
	records := append(cloned(log[:4]), cloned(log[3:7])...)
	for i := range records {
		records[i].Key = changeKey(int64(i + 1))
	}
	return append(records, log[7])
}

func replaced(log []storage.KV, at int, value []byte) []storage.KV {
	records := cloned(log)
	records[at].Value = value
	return records
}

func TestAHeadIsReadAsItIsWritten(t *testing.T) {
	for text, ok := range map[string]bool{
		"12:" + strings.Repeat("0f", 32): true, "0:" + strings.Repeat("00", 32): true,
		"": false, "12": false, "12:": false, "-1:" + strings.Repeat("00", 32): false, "x:" + strings.Repeat("00", 32): false,
		"12:" + strings.Repeat("0f", 31): false, "12:" + strings.Repeat("zz", 32): false, "12:" + strings.Repeat("0f", 33): false,
	} {
		h, err := ParseHead(text)
		if (err == nil) != ok || ok && h.String() != text {
			t.Errorf("%q is read as %v, %v", text, h, err)
		}
	}
}

func TestTheHeadIsGivenOutToWhoReadsChangesAndWithExports(t *testing.T) {
	f := newFixture(t)
	o := f.createObjective("Grow")
	f.createKeyResult(o.GetId(), "By ten")
	head := must(f.GetChangeLogHead(f.as(ceo), &okrv1.GetChangeLogHeadRequest{}))(t)
	if head.GetSeq() != 2 || len(head.GetHash()) != 64 || !head.GetCreateTime().AsTime().Equal(f.clock.Now()) {
		t.Errorf("the head is %v", head)
	}
	for _, caller := range []string{employee, reporter, objectivesAgent, reader} {
		wantEqual(t, must(f.GetChangeLogHead(f.as(caller), &okrv1.GetChangeLogHeadRequest{}))(t), head)
	}
	none := must(f.GetChangeLogHead(f.as(globexCEO), &okrv1.GetChangeLogHeadRequest{}))(t)
	wantEqual(t, none, &okrv1.ChangeLogHead{Hash: strings.Repeat("0", 64)})
	for format, find := range map[okrv1.TransferFormat]string{asJSON: jsonHead, asMarkdown: head.GetHash(), asCSV: ""} {
		file := f.export(ceo, format, false)
		if !strings.Contains(file, find) {
			t.Errorf("the file lacks the head: %s", file)
		}
		if format == asJSON {
			var document map[string]json.RawMessage
			if err := json.Unmarshal([]byte(file), &document); err != nil {
				t.Fatal(err)
			}
			got := new(okrv1.ChangeLogHead)
			if err := protojson.Unmarshal(document[jsonHead], got); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, head)
		}
		stream := must(f.ExportObjectives(f.as(ceo), &okrv1.ExportObjectivesRequest{Format: format}))(t)
		wantEqual(t, must(stream.Recv())(t).GetChangeLogHead(), head)
	}
}

func TestAnImportTakesTheHeadOnlyAtTheEnd(t *testing.T) {
	f := newFixture(t)
	const begin, end = `{"format":"okr-manager","version":1,`, `"changeLogHead":{"seq":"1","hash":"00"}`
	wantCounts(t, f.mustImport(ceo, asJSON, begin+`"objectives":[],`+end+`}`), 0, 0, 0, 0, 0)
	for _, file := range []string{
		begin + end + `,"objectives":[]}`, begin + `"objectives":[],` + end + `,` + end + `}`,
		begin + `"objectives":[],"changeLogHead":` + strings.Repeat("[", 100) + `}`,
		begin + `"objectives":[],"changeLogHead":"` + strings.Repeat("x", 2*maxRowBytes) + `"}`,
	} {
		_, err := f.importFile(ceo, &okrv1.ImportStart{Format: asJSON}, strings.NewReader(file), 0)
		wantReason(t, err, codes.InvalidArgument, "IMPORT_MALFORMED")
	}
}

func TestAFileOfSchema2IsChainedFromItsFirstChange(t *testing.T) {
	old := openBolt(t, unpacked(t, "testdata/schema2/okr.db.gz"), Upgrades()[:1])
	upgraded := openBolt(t, unpacked(t, "testdata/schema2/okr.db.gz"), Upgrades())
	for organization, changes := range map[string]int64{acme: 129, globex: 10} {
		before, after := contents(t, old, organization, ""), contents(t, upgraded, organization, "")
		if len(before) != len(after) {
			t.Errorf("%d records became %d", len(before), len(after))
		}
		for key, value := range before {
			switch got := after[key]; {
			case strings.HasPrefix(key, prefixChange), key == keyHead:
				if _, message, err := cutChain(got); err != nil || !bytes.Equal(message, value[1:]) {
					t.Errorf("the record %q became %x, was %x", key, got, value)
				}
			case string(got) != string(value):
				t.Errorf("the record %q became %x, was %x", key, got, value)
			}
		}
		if v := verified(t, upgraded, organization); v.Broken != nil || v.Checked != changes {
			t.Errorf("the log of %s is verified as %+v, want %d changes", organization, v, changes)
		}
	}
	server, _ := newServer(t, upgraded, time.Minute)
	must(server.CreateObjective(directly(t.Context(), callers()[ceo]), &okrv1.CreateObjectiveRequest{Objective: &okrv1.Objective{Title: "New"}}))(t)
	if v := verified(t, upgraded, acme); v.Broken != nil || v.Checked != 130 {
		t.Errorf("with one change more it is verified as %+v", v)
	}
}
