// SPDX-License-Identifier: Apache-2.0
//
// Listening to a future without making another one that somebody would have to look at.
package dev.svr2.client.internal;

import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/** Stateless; not API of the library. */
public final class Futures {
  private Futures() {}

  /** Does something at the end, which must not throw. */
  @SuppressWarnings("FutureReturnValueIgnored") // It could only tell that the action threw.
  public static <T> void listen(
      CompletableFuture<T> future, BiConsumer<? super T, ? super Throwable> action) {
    future.whenComplete(action);
  }
}
