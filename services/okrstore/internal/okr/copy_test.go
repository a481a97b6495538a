package okr_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/df0f9dda/okr-manager/services/kit/kittest"
	"github.com/df0f9dda/okr-manager/services/okrstore/internal/okr"
)

// Whatever fields a message has, a copy has them, those that the contract does not know as well; and it is another message.
func TestACopyHasEveryField(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	types := kittest.MessageTypes("okr.v1")
	if len(types) < 20 {
		t.Fatalf("there are only %d types of messages", len(types))
	}
	for _, kind := range types {
		for range 50 {
			m := kind.New()
			kittest.Fill(random, m, 3)
			copied := okr.Copy(m.Interface())
			if !proto.Equal(copied, m.Interface()) || reflect.TypeOf(copied) != reflect.TypeOf(m.Interface()) || copied == m.Interface() {
				t.Errorf("%v is copied as %v", m, copied)
			}
		}
		if empty := okr.Copy(kind.Zero().Interface()); !empty.ProtoReflect().IsValid() || proto.Size(empty) != 0 {
			t.Errorf("a %s that is nil is copied as %v", kind.Descriptor().Name(), empty)
		}
	}
}
