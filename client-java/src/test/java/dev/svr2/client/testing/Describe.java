// SPDX-License-Identifier: Apache-2.0
//
// One word for each outcome, so that a test compares the whole of it. For tests only.
package dev.svr2.client.testing;

import dev.svr2.client.BackupResult;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.Failure;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.TriesResult;

/** Results in words. Stateless. */
public final class Describe {
  private Describe() {}

  public static String of(Failure failure) {
    return failure.getClass().getSimpleName();
  }

  public static String of(BackupResult result) {
    return result.match(
        new BackupResult.Cases<String>() {
          @Override
          public String stored(BackupResult.Stored r) {
            return "Stored";
          }

          @Override
          public String notExposed(BackupResult.NotExposed r) {
            return "NotExposed(" + of(r.cause()) + ")";
          }

          @Override
          public String exposeUnknown(BackupResult.ExposeUnknown r) {
            return "ExposeUnknown(" + of(r.cause()) + ")";
          }

          @Override
          public String exposeRefused(BackupResult.ExposeRefused r) {
            return "ExposeRefused";
          }

          @Override
          public String failed(BackupResult.Failed r) {
            return of(r.failure());
          }
        });
  }

  public static String of(RestoreResult result) {
    return result.match(
        new RestoreResult.Cases<String>() {
          @Override
          public String restored(RestoreResult.Restored r) {
            return "Restored(" + r.data().length + "," + r.tries() + ")";
          }

          @Override
          public String wrongPin(RestoreResult.WrongPin r) {
            return "WrongPin(" + r.triesLeft() + ")";
          }

          @Override
          public String nothingThere(RestoreResult.NothingThere r) {
            return "NothingThere(" + r.why() + ")";
          }

          @Override
          public String notUnwrappable(RestoreResult.NotUnwrappable r) {
            return "NotUnwrappable";
          }

          @Override
          public String serverError(RestoreResult.ServerError r) {
            return "ServerError";
          }

          @Override
          public String failed(RestoreResult.Failed r) {
            return of(r.failure());
          }
        });
  }

  public static String of(TriesResult result) {
    return result.match(
        new TriesResult.Cases<String>() {
          @Override
          public String left(TriesResult.Left r) {
            return "Left(" + r.tries() + "," + r.exposed() + ")";
          }

          @Override
          public String nothingThere(TriesResult.NothingThere r) {
            return "NothingThere";
          }

          @Override
          public String failed(TriesResult.Failed r) {
            return of(r.failure());
          }
        });
  }

  public static String of(DeleteResult result) {
    return result.match(
        new DeleteResult.Cases<String>() {
          @Override
          public String deleted(DeleteResult.Deleted r) {
            return "Deleted";
          }

          @Override
          public String failed(DeleteResult.Failed r) {
            return of(r.failure());
          }
        });
  }
}
