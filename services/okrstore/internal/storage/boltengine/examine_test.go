package boltengine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/df0f9dda/okr-manager/services/okrstore/internal/storage"
)

// examined counts the records of each organization of a file.
func examined(t *testing.T, config Config) (map[string]int, error) {
	t.Helper()
	found := map[string]int{}
	err := Examine(t.Context(), config, func(organization string, tx storage.Tx) error {
		if err := tx.Put([]byte("k"), nil); !errors.Is(err, storage.ErrReadOnly) {
			t.Errorf("a write is answered with %v", err)
		}
		for _, err := range tx.Range(storage.Range{}) {
			if err != nil {
				return err
			}
			found[organization]++
		}
		return nil
	})
	return found, err
}

func TestExamineVisitsEveryOrganizationAndChangesNothing(t *testing.T) {
	path, _ := numbered(t, 12)
	before := readFile(t, path)
	want := map[string]int{}
	for i := 1; i < 12; i++ {
		want[fmt.Sprint("organization-", i)] = i
	}
	got, err := examined(t, Config{Path: path})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("visited %v, %v, want %v", got, err, want)
	}
	if string(readFile(t, path)) != string(before) {
		t.Error("the file was changed")
	}
	errStop := errors.New("stop")
	if err := Examine(t.Context(), Config{Path: path}, func(string, storage.Tx) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("the function's error became %v", err)
	}
}

func TestExamineRefusesWhatItCannotRead(t *testing.T) {
	never := []storage.Upgrade{marking("-2", 1, never)}
	older, _ := numbered(t, 3)
	unfinished, _ := numbered(t, 3)
	errCut := errors.New("cut off")
	if _, err := open(t.Context(), Config{Path: unfinished}, migrations([]storage.Upgrade{marking("-2", 1, func() error { return errCut })})); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	newer, _ := numbered(t, 3)
	if err := openEngine(t, Config{Path: newer, Upgrades: never}).Close(); err != nil {
		t.Fatal(err)
	}
	open, _ := numbered(t, 3)
	openEngine(t, Config{Path: open})
	foreign := newPath(t)
	db, err := bolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config Config
		want   error
	}{
		"of an older schema":                    {Config{Path: older, Upgrades: never}, ErrOlderSchema},
		"that an upgrade has not come through":  {Config{Path: unfinished, Upgrades: never}, ErrOlderSchema},
		"of a newer schema":                     {Config{Path: newer}, storage.ErrNewerSchema},
		"that an engine has open":               {Config{Path: open}, ErrLocked},
		"of another program":                    {Config{Path: foreign}, storage.ErrCorrupted},
		"that is a folder":                      {Config{Path: t.TempDir()}, storage.ErrCorrupted},
		"that is not there, which is not made,": {Config{Path: t.TempDir() + "/none"}, fs.ErrNotExist},
	} {
		t.Run("a file "+name, func(t *testing.T) {
			if got, err := examined(t, test.config); !errors.Is(err, test.want) || len(got) > 0 {
				t.Errorf("visited %v and answered %v, want %v", got, err, test.want)
			}
		})
	}
}

// A record that is damaged is met by who reads it, and the others are read.
func TestExamineReportsADamagedRecordWhereItIsRead(t *testing.T) {
	path, _ := numbered(t, 3)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(recordsBucket).Put(joinKey(organizationPrefix("organization-2"), []byte("01")), []byte("nonsense"))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := examined(t, Config{Path: path})
	if want := map[string]int{"organization-1": 1, "organization-2": 1}; !errors.Is(err, storage.ErrCorrupted) || !maps.Equal(got, want) {
		t.Errorf("visited %v and answered %v, want %v and damage", got, err, want)
	}
}
