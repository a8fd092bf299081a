// SPDX-License-Identifier: Apache-2.0
//
// What the five responses mean. A response of another kind, a status that is unset or not known,
// and values outside their limits have no meaning: null. Source: protocol.md §2.
package dev.svr2.client;

import dev.svr2.proto.BackupResponse;
import dev.svr2.proto.Response;
import dev.svr2.proto.RestoreResponse;
import dev.svr2.proto.TriesResponse;

/** Readers of responses; all fail closed. Stateless. */
final class Responses {
  static final int DATA_MIN_BYTES = 16;
  static final int DATA_MAX_BYTES = 48;
  static final int TRIES_MAX = 255;

  private Responses() {}

  /** TRUE when the backup was taken. */
  static Boolean backup(Response response) {
    boolean ok =
        response.getInnerCase() == Response.InnerCase.BACKUP
            && response.getBackup().getStatus() == BackupResponse.Status.OK;
    return ok ? Boolean.TRUE : null;
  }

  /** TRUE when exposed, FALSE for ERROR. */
  static Boolean expose(Response response) {
    if (response.getInnerCase() != Response.InnerCase.EXPOSE) {
      return null;
    }
    switch (response.getExpose().getStatus()) {
      case OK:
        return Boolean.TRUE;
      case ERROR:
        return Boolean.FALSE;
      default:
        return null;
    }
  }

  /** The result, with {@link RestoreResult.NothingThere.Why#UNKNOWN} for MISSING. */
  static RestoreResult restore(Response response) {
    if (response.getInnerCase() != Response.InnerCase.RESTORE) {
      return null;
    }
    RestoreResponse restore = response.getRestore();
    int tries = restore.getTries();
    switch (restore.getStatus()) {
      case OK:
        int size = restore.getData().size();
        if (size < DATA_MIN_BYTES || size > DATA_MAX_BYTES || !isTries(tries)) {
          return null;
        }
        return new RestoreResult.Restored(restore.getData().toByteArray(), tries);
      case MISSING:
        return new RestoreResult.NothingThere(RestoreResult.NothingThere.Why.UNKNOWN);
      case PIN_MISMATCH:
        return isTries(tries) && tries < TRIES_MAX ? new RestoreResult.WrongPin(tries) : null;
      case ERROR:
        return new RestoreResult.ServerError();
      default:
        return null;
    }
  }

  static TriesResult tries(Response response) {
    if (response.getInnerCase() != Response.InnerCase.TRIES) {
      return null;
    }
    TriesResponse tries = response.getTries();
    switch (tries.getStatus()) {
      case OK:
        return isTries(tries.getTries())
            ? new TriesResult.Left(tries.getTries(), tries.getExposed())
            : null;
      case MISSING:
        return new TriesResult.NothingThere();
      default:
        return null;
    }
  }

  static DeleteResult delete(Response response) {
    return response.getInnerCase() == Response.InnerCase.DELETE ? new DeleteResult.Deleted() : null;
  }

  /** A uint32 above the signed range is negative here. */
  private static boolean isTries(int tries) {
    return tries >= 1 && tries <= TRIES_MAX;
  }
}
