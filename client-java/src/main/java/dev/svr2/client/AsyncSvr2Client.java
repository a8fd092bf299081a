// SPDX-License-Identifier: Apache-2.0
//
// The client's operations without waiting. The same engine as Svr2Client.
package dev.svr2.client;

import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import java.util.concurrent.CompletableFuture;

/**
 * What {@link Svr2Client} does, as futures; made by {@link Svr2Client#async}. Thread-safe.
 *
 * <p>Threads: work runs on {@link Svr2Client.Builder#executor}, and no thread waits for a server,
 * so that thousands of operations can be under way at once. PINs, keys and secrets given are copied
 * before a method returns; the caller may erase its own at once.
 *
 * <p>The futures fail only when the executor refuses work or the library has a bug; what servers
 * and networks do is in the results. Cancelling a future gives the operation up; whether its
 * request was applied is then unknown. A restored secret that nobody takes any more is erased.
 *
 * @since 0.1
 */
public final class AsyncSvr2Client {
  private final Engine engine;

  AsyncSvr2Client(Engine engine) {
    this.engine = engine;
  }

  /** See {@link Svr2Client#backup(Pin, byte[], int)}. */
  public CompletableFuture<BackupResult> backup(Pin pin, byte[] masterKey, int maxTries) {
    Svr2Client.checkMasterKey(masterKey, maxTries);
    return backup(KeySource.of(pin, engine.user()), masterKey, true, maxTries);
  }

  /** See {@link Svr2Client#backup(PinKeys, byte[], int)}. */
  public CompletableFuture<BackupResult> backup(PinKeys keys, byte[] masterKey, int maxTries) {
    Svr2Client.checkMasterKey(masterKey, maxTries);
    return backup(KeySource.of(keys), masterKey, true, maxTries);
  }

  /** See {@link Svr2Client#backupRaw(Pin, byte[], int)}. */
  public CompletableFuture<BackupResult> backupRaw(Pin pin, byte[] data, int maxTries) {
    Svr2Client.checkRaw(data, maxTries);
    return backup(KeySource.of(pin, engine.user()), data, false, maxTries);
  }

  /** See {@link Svr2Client#backupRaw(PinKeys, byte[], int)}. */
  public CompletableFuture<BackupResult> backupRaw(PinKeys keys, byte[] data, int maxTries) {
    Svr2Client.checkRaw(data, maxTries);
    return backup(KeySource.of(keys), data, false, maxTries);
  }

  private CompletableFuture<BackupResult> backup(
      KeySource keys, byte[] secret, boolean wrap, int maxTries) {
    byte[] copy = secret.clone();
    return engine.async(op -> engine.backup(op, keys, copy, wrap, maxTries));
  }

  /** See {@link Svr2Client#expose(byte[])}. */
  public CompletableFuture<BackupResult> expose(byte[] data) {
    Svr2Client.checkRaw(data, 1);
    byte[] copy = data.clone();
    return engine.async(op -> engine.expose(op, copy));
  }

  /** See {@link Svr2Client#prepare}. */
  public CompletableFuture<PendingBackup> prepare(Pin pin, byte[] masterKey, int maxTries) {
    Svr2Client.checkMasterKey(masterKey, maxTries);
    return prepare(pin, masterKey, true, maxTries);
  }

  /** See {@link Svr2Client#prepareRaw}. */
  public CompletableFuture<PendingBackup> prepareRaw(Pin pin, byte[] data, int maxTries) {
    Svr2Client.checkRaw(data, maxTries);
    return prepare(pin, data, false, maxTries);
  }

  private CompletableFuture<PendingBackup> prepare(
      Pin pin, byte[] secret, boolean wrap, int maxTries) {
    engine.requireGroup();
    KeySource keys = KeySource.of(pin, engine.user());
    byte[] copy = secret.clone();
    return engine.async(op -> engine.prepare(op, keys, copy, wrap, maxTries));
  }

  /** See {@link Svr2Client#store}; the state must stay open until the future is done. */
  public CompletableFuture<StoreResult> store(PendingBackup pending, StateSaver saver) {
    return engine.async(op -> engine.store(op, pending, saver));
  }

  /** See {@link Svr2Client#expose(PendingBackup, StateSaver)}; the state must stay open. */
  public CompletableFuture<BackupResult> expose(PendingBackup pending, StateSaver saver) {
    return engine.async(op -> engine.resume(op, pending, saver, false));
  }

  /** See {@link Svr2Client#resume}; the state must stay open until the future is done. */
  public CompletableFuture<BackupResult> resume(PendingBackup pending, StateSaver saver) {
    return engine.async(op -> engine.resume(op, pending, saver, true));
  }

  /** See {@link Svr2Client#restore(Pin)}. */
  public CompletableFuture<RestoreResult> restore(Pin pin) {
    return restore(KeySource.of(pin, engine.user()), true);
  }

  /** See {@link Svr2Client#restore(PinKeys)}. */
  public CompletableFuture<RestoreResult> restore(PinKeys keys) {
    return restore(KeySource.of(keys), true);
  }

  /** See {@link Svr2Client#restoreRaw(Pin)}. */
  public CompletableFuture<RestoreResult> restoreRaw(Pin pin) {
    return restore(KeySource.of(pin, engine.user()), false);
  }

  /** See {@link Svr2Client#restoreRaw(PinKeys)}. */
  public CompletableFuture<RestoreResult> restoreRaw(PinKeys keys) {
    return restore(KeySource.of(keys), false);
  }

  private CompletableFuture<RestoreResult> restore(KeySource keys, boolean unwrap) {
    return engine.async(op -> engine.restore(op, keys, unwrap));
  }

  /** See {@link Svr2Client#tries}. */
  public CompletableFuture<TriesResult> tries() {
    return engine.async(engine::tries);
  }

  /** See {@link Svr2Client#delete}. */
  public CompletableFuture<DeleteResult> delete() {
    return engine.async(engine::delete);
  }

  /** See {@link Svr2Client#deleteWithoutSession}. */
  public CompletableFuture<DeleteResult> deleteWithoutSession() {
    return engine.async(engine::deleteWithoutSession);
  }
}
