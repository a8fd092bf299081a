// SPDX-License-Identifier: Apache-2.0
//
// Which security versions of a kind of platform Intel calls what. Source: Intel PCS API v4, "TCB
// Info V3"; protocol.md §6.
package dev.svr2.client.evidence;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Verified TCB info. Immutable by convention. */
final class TcbInfo {
  private static final EvidenceRefusal MALFORMED = EvidenceRefusal.MALFORMED_TCB_INFO;
  private static final int VERSION = 3;

  /** One level; levels are tried in the order in which they stand. */
  static final class Level {
    private final int[] componentSvns = new int[PckExtension.COMPONENTS];
    private final int pceSvn;
    final TcbStatus status;
    final List<String> advisories;

    Level(StrictJson json) throws EvidenceException {
      StrictJson tcb = json.object("tcb");
      List<StrictJson> components = tcb.objects("sgxtcbcomponents");
      if (components.size() != componentSvns.length) {
        throw new EvidenceException(MALFORMED, "a level has not 16 components");
      }
      for (int i = 0; i < componentSvns.length; i++) {
        componentSvns[i] = (int) components.get(i).number("svn", 0xff);
      }
      pceSvn = (int) tcb.number("pcesvn", 0xffff);
      String name = json.string("tcbStatus");
      status = TcbStatus.of(name);
      if (status == null) {
        throw new EvidenceException(MALFORMED, "a status that is not known here");
      }
      advisories = json.stringsIfAny("advisoryIDs");
    }

    private boolean matches(PckExtension platform) {
      for (int i = 0; i < componentSvns.length; i++) {
        if (platform.componentSvns[i] < componentSvns[i]) {
          return false;
        }
      }
      return platform.pceSvn >= pceSvn;
    }
  }

  private final byte[] fmspc;
  private final byte[] pceId;
  private final List<Level> levels = new ArrayList<>();
  final long evaluationNumber;
  final Validity validity;

  private TcbInfo(StrictJson json, Instant now) throws EvidenceException {
    if (!json.string("id").equals("SGX") || json.number("version", 1000) != VERSION) {
      throw new EvidenceException(MALFORMED, "not SGX, version 3");
    }
    validity =
        new Validity(json.time("issueDate"), json.time("nextUpdate")).check("the TCB info", now);
    if (json.number("tcbType", Integer.MAX_VALUE) != 0) {
      throw new EvidenceException(EvidenceRefusal.TCB_TYPE);
    }
    evaluationNumber = json.number("tcbEvaluationDataNumber", Integer.MAX_VALUE);
    fmspc = json.hex("fmspc", 6);
    pceId = json.hex("pceId", 2);
    for (StrictJson level : json.objects("tcbLevels")) {
      levels.add(new Level(level));
    }
  }

  /** Reads what {@link SignedJson} verified. */
  static TcbInfo read(StrictJson json, Instant now) throws EvidenceException {
    return new TcbInfo(json, now);
  }

  /** The level of a platform, which must be of this kind. */
  Level levelOf(PckExtension platform) throws EvidenceException {
    if (!Arrays.equals(fmspc, platform.fmspc)) {
      throw new EvidenceException(EvidenceRefusal.PLATFORM, "FMSPC");
    }
    if (!Arrays.equals(pceId, platform.pceId)) {
      throw new EvidenceException(EvidenceRefusal.PLATFORM, "PCE id");
    }
    for (Level level : levels) {
      if (level.matches(platform)) {
        return level;
      }
    }
    throw new EvidenceException(EvidenceRefusal.TCB_LEVEL);
  }
}
