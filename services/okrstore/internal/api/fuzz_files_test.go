package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/df0f9dda/okr-manager/proto/gen/access/v1"
	okrv1 "github.com/df0f9dda/okr-manager/proto/gen/okr/v1"
	"github.com/df0f9dda/okr-manager/services/kit/access"
	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/kit/rpcerr"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage/memengine"
)

// Whatever a file has in it, an import ends, with what is wrong; the rows say where the file can be sent again from and are
// the same when it is; and what came of it is a store without a fault that exports and imports itself.
func FuzzImportJSON(f *testing.F) {
	for _, file := range []string{
		`{"format":"okr-manager","version":1,"objectives":[]}`,
		`{"format":"okr-manager","version":1,"objectives":[{"objective":{"id":"okr_0000000000001","title":"A"},"keyResults":[` +
			`{"keyResult":{"id":"kr_0000000000001","title":"B","startValue":"0","targetValue":"10","currentValue":"1"},"checkIns":[` +
			`{"id":"chk_0000000000001","value":"1","note":"n"}]}]},{"objective":{"title":"no id"}}],"changeLogHead":{"seq":"1"}}`,
		`{"format":"okr-manager","version":1,"objectives":[{"objective":{"id":"okr_0000000000001","title":"A"}},{"objective":7},` +
			`{"objective":{"id":"okr_0000000000002","title":"C","parentId":"okr_0000000000001"}}]}`,
		`{"format":"okr-manager","version":1e999}`, `{"format":"okr-manager","version":2}`, `[]`, ``,
	} {
		f.Add([]byte(file))
	}
	fuzzImport(f, asJSON)
}

func FuzzImportCSV(f *testing.F) {
	for _, file := range []string{
		"record,objective_id,title\nobjective,okr_0000000000001,A\n",
		"\ufeffrecord,objective_id,key_result_id,check_in_id,title,start_value,target_value,current_value,value,evidence\n" +
			"objective,okr_0000000000001,,,\"A\nB\",,,,,\nkey_result,okr_0000000000001,kr_0000000000001,,'=B,0,10,1,,\n" +
			"check_in,okr_0000000000001,kr_0000000000001,chk_0000000000001,,,,,1,\"[{\"\"url\"\":\"\"https://a.example\"\"}]\"\nnothing\n",
		"record,objective_id,title\nobjective,okr_0000000000000,M\xfcnchen\n",
		"\nrecord,objective_id,title\n\n\nobjective,okr_0000000000001,A\nobjective,okr_0000000000002,\"B\n\r\nC\"\n\nobjective,okr_0000000000003,D\n",
		"record,record\nobjective,key_result\n", "title\n,,,,\n", "\"", "",
	} {
		f.Add([]byte(file))
	}
	fuzzImport(f, asCSV)
}

// fuzzImport imports every file into an organization of its own: a server costs more to make.
func fuzzImport(f *testing.F, format okrv1.TransferFormat) {
	f.Helper()
	engine := memengine.New()
	server, _ := newServer(f, engine, time.Minute)
	var imports atomic.Int64
	f.Fuzz(func(t *testing.T, file []byte) {
		sameFromAnyPosition(t, format, file)
		organization := fmt.Sprint("organization-", imports.Add(1))
		err := runImport(t, server, organization, format, bytes.NewReader(file))
		if err != nil && rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_IMPORT_MALFORMED {
			t.Fatalf("the import ended with %v", err)
		}
		checkIndexes(t, engine, organization)
		checkChain(t, engine, organization)
	})
}

func sameFromAnyPosition(t *testing.T, format okrv1.TransferFormat, file []byte) {
	t.Helper()
	rows, ended := readRows(t, file, importPosition{Format: format})
	positions := 0
	for i, row := range rows {
		if _, is := row.resource.(*okrv1.Objective); !is || row.from.Offset == 0 {
			continue
		}
		again, err := parseImportPosition(format, row.from.String())
		if err != nil {
			t.Fatalf("%s: its position is refused: %v", row.where, err)
		}
		rest, endedAgain := readRows(t, file[again.Offset:], again)
		if rpcerr.ReasonOf(ended) != rpcerr.ReasonOf(endedAgain) || len(rest) != len(rows)-i {
			t.Fatalf("from %s on there are %d rows and %v, and when the file is sent again from there %d and %v",
				row.where, len(rows)-i, ended, len(rest), endedAgain)
		}
		for n, other := range rest {
			if first := rows[i+n]; first.where != other.where || first.problem != other.problem || !proto.Equal(first.resource, other.resource) {
				t.Fatalf("%s is %v, and when the file is sent again from %s it is %s: %v", first.where, first.resource, row.where, other.where, other.resource)
			}
		}
		if positions++; positions == 4 { // each is as good as the next
			break
		}
	}
}

func readRows(t *testing.T, file []byte, from importPosition) (rows []*importRow, ended error) {
	t.Helper()
	for row, err := range rowsOf(bytes.NewReader(file), from) {
		if err != nil {
			if rpcerr.ReasonOf(err) != accessv1.ErrorReason_ERROR_REASON_IMPORT_MALFORMED {
				t.Fatalf("the file ends with %v", err)
			}
			return rows, err
		}
		if row.resource == nil && row.problem == "" {
			t.Fatalf("%s is no resource and has no problem", row.where)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func runImport(t *testing.T, server *Server, organization string, format okrv1.TransferFormat, file io.Reader) error {
	t.Helper()
	ctx := directly(t.Context(), kittest.CEO(organization))
	caller, err := access.CallerFrom(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := &importer{
		server: server, ctx: ctx, caller: caller, send: func(*okrv1.ImportObjectivesResponse) error { return nil },
		may: importPermissions{keyResults: true, checkIns: true},
	}
	return i.run(file, importPosition{Format: format})
}

// A text is a position or a head only if it is what that is written as.
func FuzzPositions(f *testing.F) {
	for _, text := range []string{
		"1/2/okr_1/kr_1/chk_1/k", "1/0////o", "2/+1////", "okr_1/-5/kr_1", "/0/", "1:" + strings.Repeat("ab", 32), "+1:" + strings.Repeat("AB", 32),
		importPosition{Format: asCSV, Offset: 3, Row: 1, Header: []string{"title"}}.String(),
		exportPosition{format: asJSON, started: true, objective: "okr_1", objectiveOpen: true}.String(), "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []okrv1.TransferFormat{asJSON, asCSV, asMarkdown} {
			if p, err := parseExportPosition(format, text); err == nil && text != "" {
				if again, err := parseExportPosition(format, p.String()); err != nil || again != p {
					t.Errorf("%q was read as %v, which is read as %v: %v", text, p, again, err)
				}
			}
			if p, err := parseImportPosition(format, text); err == nil && (p.Offset < 0 || p.Row < 0 || p.Format != format) {
				t.Errorf("%q was read as %v", text, p)
			}
		}
		if p, err := parseDuePosition(text); err == nil && text != "" {
			if again, err := parseDuePosition(p.String()); err != nil || again != p {
				t.Errorf("%q was read as %v, which is read as %v: %v", text, p, again, err)
			}
		}
		if h, err := ParseHead(text); err == nil {
			if again, err := ParseHead(h.String()); err != nil || again != h || h.seq < 0 {
				t.Errorf("%q was read as %v, which is read as %v: %v", text, h, again, err)
			}
		}
	})
}

// Bytes are a key only if they are what its parts are written as.
func FuzzKeys(f *testing.F) {
	f.Add(changeKey(1))
	f.Add(historyKey("okr_1", 2))
	f.Add(undoneKey(3))
	f.Add(requestTimeKey(time.UnixMilli(4), requestDigest{5}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, key []byte) {
		if seq, err := changeSeq(key); err == nil && !bytes.Equal(changeKey(seq), key) {
			t.Errorf("%x was read as change %d", key, seq)
		}
		if seq, err := changeSeqUnder(prefixUndone, key); err == nil && !bytes.Equal(undoneKey(seq), key) {
			t.Errorf("%x was read as an undoing of change %d", key, seq)
		}
		if _, err := requestTimeDigest(key); err == nil && len(key) != len(requestTimeKey(time.Time{}, requestDigest{})) {
			t.Errorf("%x was read as the time of a request id", key)
		}
		rest, n, err := storage.CutUint64(key)
		if err == nil && !bytes.Equal(storage.AppendUint64(bytes.Clone(rest), n), key) || err != nil && !errors.Is(err, storage.ErrInvalidKey) {
			t.Errorf("%x was read as %x and %d: %v", key, rest, n, err)
		}
		if end := storage.PrefixEnd(key); end != nil && bytes.Compare(end, key) <= 0 {
			t.Errorf("the keys that begin with %x end before %x", key, end)
		}
		// What stands at a key that somebody else has written is told as a fault.
		engine := memengine.New()
		if storage.CheckKey(key) != nil {
			return
		}
		err = engine.Update(t.Context(), acme, func(tx storage.Tx) error { return tx.Put(key, key) })
		if err != nil {
			t.Fatal(err)
		}
		err = engine.View(t.Context(), acme, func(tx storage.Tx) error {
			checked, err := Check(tx)
			if err == nil && checked.Records != 1 {
				t.Errorf("%d records are counted", checked.Records)
			}
			return err
		})
		if err != nil {
			t.Errorf("the check ends at %x: %v", key, err)
		}
	})
}
