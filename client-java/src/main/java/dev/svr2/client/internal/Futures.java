// SPDX-License-Identifier: Apache-2.0
//
// Failed futures, and listening to a future without making another one that somebody would have to
// look at.
package dev.svr2.client.internal;

import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/** Stateless; not API of the library. */
public final class Futures {
  private Futures() {}

  /** A future that has failed (Java 8 has no CompletableFuture.failedFuture). */
  public static <T> CompletableFuture<T> failed(Throwable cause) {
    CompletableFuture<T> future = new CompletableFuture<>();
    future.completeExceptionally(cause);
    return future;
  }

  /** Does something at the end, which must not throw. */
  @SuppressWarnings("FutureReturnValueIgnored") // It could only tell that the action threw.
  public static <T> void listen(
      CompletableFuture<T> future, BiConsumer<? super T, ? super Throwable> action) {
    future.whenComplete(action);
  }
}
