// SPDX-License-Identifier: Apache-2.0
//
// Which quoting enclave may sign. Source: Intel PCS API v4, "Enclave Identity V2"; protocol.md §6.
package dev.svr2.client.evidence;

import java.time.Instant;
import java.util.Arrays;
import java.util.List;

/** Verified identity of Intel's quoting enclave. Immutable by convention. */
final class QeIdentity {
  private static final EvidenceRefusal MALFORMED = EvidenceRefusal.MALFORMED_QE_IDENTITY;
  private static final int VERSION = 2;

  private final byte[] miscSelect;
  private final byte[] miscSelectMask;
  private final byte[] attributes;
  private final byte[] attributesMask;
  private final byte[] mrsigner;
  private final int productId;
  private final int[] levelSvns;
  private final TcbStatus[] levelStatuses;
  final long evaluationNumber;
  final Validity validity;

  private QeIdentity(StrictJson json, Instant now) throws EvidenceException {
    if (!json.string("id").equals("QE") || json.number("version", 1000) != VERSION) {
      throw new EvidenceException(MALFORMED, "not QE, version 2");
    }
    validity =
        new Validity(json.time("issueDate"), json.time("nextUpdate")).check("the QE identity", now);
    evaluationNumber = json.number("tcbEvaluationDataNumber", Integer.MAX_VALUE);
    miscSelect = json.hex("miscselect", 4);
    miscSelectMask = json.hex("miscselectMask", 4);
    attributes = json.hex("attributes", 16);
    attributesMask = json.hex("attributesMask", 16);
    mrsigner = json.hex("mrsigner", 32);
    productId = (int) json.number("isvprodid", 0xffff);
    List<StrictJson> levels = json.objects("tcbLevels");
    levelSvns = new int[levels.size()];
    levelStatuses = new TcbStatus[levels.size()];
    for (int i = 0; i < levelSvns.length; i++) {
      levelSvns[i] = (int) levels.get(i).object("tcb").number("isvsvn", 0xffff);
      levelStatuses[i] = TcbStatus.of(levels.get(i).string("tcbStatus"));
      if (levelStatuses[i] == null) {
        throw new EvidenceException(MALFORMED, "a status that is not known here");
      }
    }
  }

  /** Reads what {@link SignedJson} verified. */
  static QeIdentity read(StrictJson json, Instant now) throws EvidenceException {
    return new QeIdentity(json, now);
  }

  /** Refuses a report of another enclave, or of one that is not up to date. */
  void check(SgxQuote.Report report) throws EvidenceException {
    if (!Arrays.equals(report.mrsigner(), mrsigner)) {
      throw new EvidenceException(EvidenceRefusal.QE_IDENTITY, "its signer");
    }
    if (report.productId() != productId) {
      throw new EvidenceException(EvidenceRefusal.QE_IDENTITY, "its product id");
    }
    if (!equalUnder(report.miscSelect(), miscSelect, miscSelectMask)) {
      throw new EvidenceException(EvidenceRefusal.QE_IDENTITY, "its MISCSELECT");
    }
    if (!equalUnder(report.attributes(), attributes, attributesMask)) {
      throw new EvidenceException(EvidenceRefusal.QE_IDENTITY, "its attributes");
    }
    for (int i = 0; i < levelSvns.length; i++) {
      if (report.securityVersion() >= levelSvns[i]) {
        if (levelStatuses[i] != TcbStatus.UP_TO_DATE) {
          throw new EvidenceException(EvidenceRefusal.QE_OUT_OF_DATE, levelStatuses[i].wireName());
        }
        return;
      }
    }
    throw new EvidenceException(EvidenceRefusal.QE_OUT_OF_DATE, "older than all known");
  }

  private static boolean equalUnder(byte[] seen, byte[] wanted, byte[] mask) {
    for (int i = 0; i < seen.length; i++) {
      if ((seen[i] & mask[i]) != wanted[i]) {
        return false;
      }
    }
    return true;
  }
}
