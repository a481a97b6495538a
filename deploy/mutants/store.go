package main

// What okr-store promises: conditions, isolation of organizations, the log, repeated requests, pages, undo and proposals.
func storeMutants() []mutant {
	const (
		api  = "services/okrstore/internal/api"
		rule = "services/okrstore/internal/okr"
		bolt = "services/okrstore/internal/storage/boltengine"
		etcd = "services/okrstore/internal/storage/etcdengine"
	)
	return []mutant{
		{
			name: "etags are not compared", file: api + "/server.go",
			old: `if given == "" || given == current {`, new: `if given == "" || given == current || given != current {`,
			pkg: api, test: "TestOfConcurrentUpdatesWithTheSameEtagExactlyOneWins",
		},
		{
			name: "a deletion does not look at the etag", file: api + "/objectives.go",
			old: `checkEtag(req.GetEtag(), o.GetEtag())`, new: `checkEtag("", o.GetEtag())`,
			pkg: api, test: "TestDeletingAnObjectiveTakesItsKeyResultsAlong",
		},
		{
			name: "everybody reads one organization", file: api + "/server.go",
			old: `s.engine.View(ctx, caller.GetOrganizationId(), func`, new: `s.engine.View(ctx, "organization", func`,
			pkg: api, test: "TestEveryMethodKeepsOrganizationsApart",
		},
		{
			name: "everybody reads and writes one organization", file: "services/kit/access/txntoken.go",
			old: `OrganizationId:   c.Context.Organization,`, new: `OrganizationId:   "organization",`,
			pkg: "services/kit/access", test: "TestATransactionTokenCarriesTheWholePrincipal",
		},
		{
			name: "a View does not see the journal", file: bolt + "/boltengine.go",
			old: `recent.over(newReader(tx, organization), organization)`, new: `recent.over(newReader(tx, organization), "")`,
			pkg: bolt, test: "TestEverybodySeesWhatIsInTheJournal",
		},
		{
			name: "a View may see the journal of another state", file: bolt + "/journal.go",
			old: `r := e.states.Load().of(tx.ID()); r != nil`, new: `r := e.states.Load().committed.recent; r != nil`,
			pkg: bolt, test: "TestAViewSeesOneStateWhileTheJournalIsSettled",
		},
		{
			name: "the tools do not see the journal", file: bolt + "/examine.go",
			old: `base := recent.over(newReader(tx, organization), organization)`, new: `base := recent.over(newReader(tx, organization), "")`,
			pkg: bolt, test: "TestEverybodySeesWhatIsInTheJournal",
		},
		{
			name: "a journal of schema 5 is not read", file: bolt + "/journal_form.go",
			old: `return g.putPair(key, stored)`, new: `return nil`,
			pkg: api, test: "TestAFileOfSchema5KeepsWhatIsInItsJournal",
		},
		{
			name: "what is being settled is not read", file: bolt + "/journal.go",
			old: `base = over(base, r.settling.writes[organization])`, new: `base = over(base, r.settling.writes[""])`,
			pkg: bolt, test: "TestEverybodySeesWhatIsInTheJournal",
		},
		{
			name: "groups leave the journal before all of them is settled", file: bolt + "/journal.go",
			old: `s.left = s.left[n:]; len(s.left) > 0`, new: `s.left = s.left[n:]; len(s.left) > 1`,
			pkg: bolt, test: "TestEverybodySeesWhatIsInTheJournal",
		},
		{
			name: "a journal is settled in one piece", file: bolt + "/journal.go",
			old: `r.settleSome(tx, &e.memory, e.maxJournal/settlingPieces)`, new: `r.settleSome(tx, &e.memory, e.maxJournal)`,
			pkg: bolt, test: "TestAJournalIsSettledInPieces",
		},
		{
			name: "what a commit stores is written over while it is needed", file: bolt + "/records.go",
			old: `m.block = m.block[:at+size]`, new: `m.block = m.block[:at]`,
			pkg: bolt, test: "TestEverybodySeesWhatIsInTheJournal",
		},
		{
			name: "a watch keeps what a transaction lent", file: api + "/watch.go",
			old: `batch = append(batch, kv.Clone())`, new: `batch = append(batch, kv)`,
			pkg: api, test: "TestWatchSendsWhatWasMissedAndThenWhatHappens",
		},
		{
			name: "the verifier works in what a transaction lent", file: api + "/verify.go",
			old: `value := bytes.Clone(kv.Value)`, new: `value := append(kv.Value, bytes.Clone(nil)...)`,
			pkg: api, test: "TestALogThatWasTamperedWith",
		},
		{
			name: "a document is taken for another with the same hash", file: api + "/documents.go",
			old: `d != nil && bytes.Equal(d.value, value)`, new: `d != nil && (bytes.Equal(d.value, value) || true)`,
			pkg: api, test: "TestDocumentsWhoseHashesAreTheSame",
		},
		{
			name: "text is read that is not UTF-8", file: "services/kit/protocodec/protocodec.go",
			old: `!textOf(descriptor).isUTF8(from)`, new: `!textOf(descriptor).isUTF8(nil)`,
			pkg: "services/kit/protocodec", test: "TestTextThatIsNotUTF8IsNeitherAppendedNorRead",
		},
		{
			name: "text is stored that cannot be read again", file: "services/kit/protocodec/protocodec.go",
			old: `!textOf(descriptor).isUTF8(to[begin:])`, new: `!textOf(descriptor).isUTF8(nil)`,
			pkg: "services/kit/protocodec", test: "TestTextThatIsNotUTF8IsNeitherAppendedNorRead",
		},
		{
			name: "a filter of the journal hides what is there", file: "services/okrstore/internal/storage/overlay/filter.go",
			old: `f[bit/64]&(1<<(bit%64)) == 0`, new: `f[bit/64]&(1<<(bit%63)) == 0`,
			pkg: "services/okrstore/internal/storage/overlay", test: "TestAReaderFindsTheSameWithFilters",
		},
		{
			name: "an upgrade leaves out the journal", file: bolt + "/schema.go",
			old: `if version > 0 && version < len(steps) {`, new: `if false {`,
			pkg: bolt, test: "TestAnUpgradeTakesWhatIsInTheJournal",
		},
		{
			name: "keys in etcd have no organization", file: etcd + "/cluster.go",
			old: `return c.allRecords() + organization + "/"`, new: `return c.allRecords() + "/"`,
			pkg: etcd, test: "TestConformance",
		},
		{
			name: "a commit to etcd does not look whether somebody was faster", file: etcd + "/commit.go",
			old: "\t\t\tclientv3.Compare(clientv3.ModRevision(key), \"=\", g.at.written),\n", new: "",
			pkg: etcd, test: "TestReplicasShareAnOrganization",
		},
		{
			name: "a refusal may come from a state that is gone", file: etcd + "/commit.go",
			old: `if at.written != g.at.written {`, new: `if false {`,
			pkg: etcd, test: "TestEachReplicaSeesWhatAnotherHasAnswered",
		},
		{
			name: "a record in etcd is taken whatever its checksum", file: etcd + "/reader.go",
			old: `if len(stored) < 4 || binary.BigEndian.Uint32(stored) != checksum(storedKey, stored[4:]) {`, new: `if len(stored) < 4 {`,
			pkg: etcd, test: "TestADamagedRecordIsReported",
		},
		{
			name: "changes are not written into the log", file: api + "/mutate.go",
			old: `m.before, err = m.putChange(c, m.before)`, new: `_, _, err = encodeChange(c, m.before)`,
			pkg: api, test: "TestEveryMutationWritesItsChange",
		},
		{
			name: "changes are not written into histories", file: api + "/chain.go",
			old: `errors.Join(r.indexChange(c), r.putUndoing(c), r.sumChange(c))`, new: `errors.Join(r.putUndoing(c), r.sumChange(c))`,
			pkg: api, test: "TestListChangesByWhatIsAskedFor",
		},
		{
			name: "changes do not follow each other's hash", file: api + "/chain.go",
			old: `Append(chained(before), c)`, new: `Append(chained(chainHash{}), c)`,
			pkg: api, test: "TestALogThatIsAsItWasWrittenIsVerified",
		},
		{
			name: "hashes are not compared", file: api + "/verify.go",
			old: `follows != hash {`, new: `follows != hash && seq == 0 {`,
			pkg: api, test: "TestEveryByteOfALogThatWasFlippedIsFoundInItsPlace",
		},
		{
			name: "a log may lack an entry", file: api + "/verify.go",
			old: `if seq != last.seq+1 {`, new: `if seq < last.seq {`,
			pkg: api, test: "TestALogThatWasTamperedWith",
		},
		{
			name: "a watch passes over a gap", file: api + "/watch.go",
			old: `if stored.GetSeq() != w.position+1 {`, new: `if stored.GetSeq() <= w.position {`,
			pkg: api, test: "TestAGapInTheLogEndsAWatchRatherThanToBePassedOver",
		},
		{
			name: "request ids are not the member's own", file: api + "/request_ids.go",
			old: `[]string{caller.GetMemberId(), caller.GetClientId(), method`, new: `[]string{"", caller.GetClientId(), method`,
			pkg: api, test: "TestRequestIDs",
		},
		{
			name: "request ids are not the client's own", file: api + "/request_ids.go",
			old: `[]string{caller.GetMemberId(), caller.GetClientId(), method`, new: `[]string{caller.GetMemberId(), "", method`,
			pkg: api, test: "TestRequestIDs",
		},
		{
			name: "request ids answer another request", file: api + "/request_ids.go",
			old: `case record.payload != id.payload:`, new: `case record.payload != id.payload && record.parked:`,
			pkg: api, test: "TestRequestIDs",
		},
		{
			name: "request ids are good for ever", file: api + "/request_ids.go",
			old: `case !record.time.Add(requestIDLifetime).After(now):`, new: `case now.Before(record.time):`,
			pkg: api, test: "TestRequestIDs",
		},
		{
			name: "answers to request ids are not kept", file: api + "/request_ids.go",
			old: `if err := r.tx.Put(requestKey(id.digest), encodeRequest(record)); err != nil {`,
			new: `if err := r.tx.Delete(requestKey(id.digest)); err != nil {`,
			pkg: api, test: "TestEveryMutationIsSafeToRepeatUnderItsRequestID",
		},
		{
			name: "page tokens serve other requests", file: api + "/page_tokens.go",
			old: `[]byte(method), query[:]}`, new: `[]byte(method), nil}`,
			pkg: api, test: "TestAPageTokenServesItsOwnRequestAlone",
		},
		{
			name: "page tokens serve other organizations", file: api + "/page_tokens.go",
			old: `{[]byte(caller.GetOrganizationId()), []byte(method)`, new: `{nil, []byte(method)`,
			pkg: api, test: "TestAPageTokenServesItsOwnRequestAlone",
		},
		{
			name: "page tokens are not checked", file: api + "/page_tokens.go",
			old: `return position, hmac.Equal(raw[:pageTokenSum], checksum(b.mac(), position))`, new: `return position, true`,
			pkg: api, test: "TestAPageTokenServesItsOwnRequestAlone",
		},
		{
			name: "cursors serve other organizations", file: api + "/cursors.go",
			old: `[]byte("cursor\x00"+organization+"\x00")`, new: `[]byte("cursor\x00"+organization[:0]+"\x00")`,
			pkg: api, test: "TestCursors",
		},
		{
			name: "cursors outlive a restore", file: api + "/cursors.go",
			old: `case string(raw[1:seqAt]) != string(s.epochPrint[:cursorEpoch]):`, new: `case len(raw) == 0:`,
			pkg: api, test: "TestCursors",
		},
		{
			name: "embedded key results are shown to everybody", file: rule + "/readable.go",
			old: "if !r.KeyResults {\n\t\treturn OwnFields(o)\n\t}\n", new: "",
			pkg: rule, test: "TestDefect21AnObjectiveShowsNeitherKeyResultsNorProgressWithoutThePermission",
		},
		{
			name: "changes of key results are shown to everybody", file: rule + "/readable.go",
			old: "if !r.KeyResults {\n\t\t\treturn nil, false\n\t\t}\n\t\treturn s, true", new: "return s, true",
			pkg: rule, test: "TestReadableChange",
		},
		{
			name: "undoing takes back what others wrote since", file: api + "/undo_since.go",
			old: "s.found.change = y\n\t\t\treturn false, nil", new: "return false, nil",
			pkg: api, test: "TestWhatOthersChangedSinceIsNotUndone",
		},
		{
			name: "undoing needs no permission of the inverse", file: api + "/undo.go",
			old: `if !access.Permits(u.caller.Principal, p.GetResource(), p.GetAction()) {`, new: `if p == nil {`,
			pkg: api, test: "TestUndoingNeedsThePermissionOfTheInverse",
		},
		{
			name: "a proposal applies to what has moved", file: api + "/proposals.go",
			old: "if moved {\n\t\tp.State", new: "if moved && err != nil {\n\t\tp.State",
			pkg: api, test: "TestAProposalNeverAppliesToWhatHasMoved",
		},
		{
			name: "a proposal does not expire", file: api + "/proposals.go",
			old: `if !now.Before(p.GetExpireTime().AsTime()) {`, new: `if now.IsZero() {`,
			pkg: api, test: "TestAProposalExpires",
		},
		{
			name: "a proposal is approved by who may not make the write", file: api + "/proposal_decisions.go",
			old: `!access.Permits(m.caller.Principal, needed.GetResource(), needed.GetAction())`, new: `needed == nil`,
			pkg: api, test: "TestNoAccessTokenDecidesOnAProposal",
		},
		{
			name: "a proposal is decided on twice", file: api + "/proposal_decisions.go",
			old: "err := stillOpen(p)\n\tif p.GetState()", new: "var err error\n\tif p.GetState()",
			pkg: api, test: "TestAProposalIsRejectedOrWithdrawnOnce",
		},
		{
			name: "a proposal is withdrawn by anybody", file: api + "/proposal_decisions.go",
			old: `m.caller.GetMemberId() != p.GetProposer().GetMemberId() ||`, new: `p.GetProposer() == nil ||`,
			pkg: api, test: "TestAProposalIsRejectedOrWithdrawnOnce",
		},
		{
			name: "a client that may only propose writes", file: api + "/modes.go",
			old: `!onlyProposes(settings, caller.GetClientId())`, new: `onlyProposes(settings, caller.GetClientId())`,
			pkg: api, test: "TestAClientOfWhichAnAdminSaysSoOnlyProposes",
		},
		{
			name: "what an agent reports needs nobody's word", file: api + "/confirm.go",
			old: `|| m.settings.GetTrustReports()`, new: `|| !m.settings.GetTrustReports()`,
			pkg: api, test: "TestAValueThatAnAgentReportedWaitsForAMemberToConfirmIt",
		},
		{
			name: "an agent confirms by undoing", file: api + "/confirm.go",
			old: `return cmp.Or(current.GetAgentReport(), before.GetAgentReport())`, new: `return cmp.Or(before.GetAgentReport())`,
			pkg: api, test: "TestNoAgentConfirmsWhatAnAgentReported",
		},
		{
			name: "spreadsheets run what was written into a title", file: api + "/transfer_csv.go",
			old: "if cell != \"\" && strings.IndexByte(formulaStarts, cell[0]) >= 0 {\n\t\treturn \"'\" + cell", new: "if cell == formulaStarts {\n\t\treturn \"'\" + cell",
			pkg: api, test: "TestAFormulaIsTextInCSV",
		},
		{
			name: "the number of objectives has no limit", file: api + "/indexes.go",
			old: `err != nil || limit == 0 || n < limit {`, new: `err != nil || limit >= 0 || n < limit {`,
			pkg: api, test: "TestTheNumberOfObjectivesIsLimited",
		},
		{
			name: "a backup is restored whatever its seal says", file: "services/okrstore/internal/backup/restore.go",
			old: `case errors.Is(err, ErrSeal) && r.Unsealed:`, new: `case errors.Is(err, ErrSeal):`,
			pkg: "services/okrstore", test: "TestABackupThatIsNotWhatWasMadeIsRefusedBeforeAnythingIsReplaced",
		},
	}
}
