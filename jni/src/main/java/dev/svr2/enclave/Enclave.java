// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import dev.svr2.enclave.internal.Bridge;
import dev.svr2.enclave.internal.NativeLibrary;
import dev.svr2.enclave.internal.OutputCallback;
import dev.svr2.enclave.internal.Svr2Enclave;
import dev.svr2.enclave.internal.ThreadSpace;
import dev.svr2.proto.Error;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An enclave in this process, on any platform that the native library was built with. Several may
 * live side by side; each is a separate replica with memory of its own.
 *
 * <p>Close it: an enclave holds a heap and threads that no garbage collector sees. One that becomes
 * unreachable without {@link #close} is destroyed then, logged as an error and counted in {@link
 * #leaked}; one whose output handler refers to it never becomes unreachable.
 */
public final class Enclave implements EnclaveHandle {
  private static final Logger log = LoggerFactory.getLogger(Enclave.class);
  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicLong LEAKED = new AtomicLong();
  private static final AtomicLong NEXT_ID = new AtomicLong(1);
  private static final int PEER_ID_BYTES = 32;
  private static final int INSPECT_BYTES = 4096;

  /**
   * The receivers of output by the context that native code hands back. What is in here cannot be
   * collected: an entry stays until its enclave is destroyed.
   */
  private static final Map<Long, Receiver> RECEIVERS = new ConcurrentHashMap<>();

  private final Running running;
  private final Semaphore permits;
  private final byte[] measurement;
  private final int maxThreads;
  private final Cleaner.Cleanable leakCheck;

  private Enclave(Running running, byte[] measurement, int maxThreads) {
    this.running = running;
    this.measurement = measurement;
    this.maxThreads = maxThreads;
    this.permits = new Semaphore(maxThreads, true);
    this.leakCheck = CLEANER.register(this, running::reportLeak);
  }

  /**
   * Loads, checks and starts a signed image. What the output handler throws goes to the log.
   *
   * @param platform where to run it; the native library must have been built for it
   * @param image the signed image; read once
   * @param flags choices, usually none
   * @param output receives what the enclave outputs
   * @throws EnclaveException {@code ERROR_BRIDGE_…}, naming the file and what is wrong with it
   */
  public static Enclave load(
      Platform platform, Path image, Set<LoadFlag> flags, OutputHandler output)
      throws EnclaveException {
    return load(
        platform,
        image,
        flags,
        output,
        thrown -> log.error("the output handler of enclave {} failed", image, thrown));
  }

  /**
   * As {@link #load(Platform, Path, Set, OutputHandler)}.
   *
   * @param uncaught is given what the output handler throws, on the thread that is inside the
   *     enclave; what it throws itself is dropped
   */
  public static Enclave load(
      Platform platform,
      Path image,
      Set<LoadFlag> flags,
      OutputHandler output,
      Consumer<Throwable> uncaught)
      throws EnclaveException {
    requireNativeLibrary();
    int bits = 0;
    for (LoadFlag flag : flags) {
      bits |= flag.nativeBit();
    }
    long id = NEXT_ID.getAndIncrement();
    Receiver receiver =
        new Receiver(Objects.requireNonNull(output), Objects.requireNonNull(uncaught));
    RECEIVERS.put(id, receiver);
    Svr2Enclave handle = new Svr2Enclave((Pointer) null);
    try (BytePointer path = new BytePointer(image.toString(), StandardCharsets.UTF_8)) {
      int code =
          Bridge.svr2_bridge_create(
              platform.nativeNumber(), path, bits, Upcall.INSTANCE, id, handle);
      if (code != 0) {
        throw failure(code, lastError());
      }
      return new Enclave(
          new Running(handle, id, receiver, platform + ", " + image),
          measurementOf(handle),
          Bridge.svr2_bridge_num_tcs(handle));
    } finally {
      if (handle.isNull()) {
        RECEIVERS.remove(id);
      }
    }
  }

  /** Enclaves that were dropped without {@link #close} in this process. */
  public static long leaked() {
    return LEAKED.get();
  }

  /** Enclaves that are loaded now in this process, as native code counts them. */
  public static int live() {
    return NativeLibrary.failure().isPresent() ? 0 : Bridge.svr2_bridge_live();
  }

  /** True as soon as {@link #close} was called, also while it still waits. */
  public boolean isClosed() {
    return running.closed;
  }

  /** How often the output handler threw. */
  public long outputFailures() {
    return running.receiver.failures.get();
  }

  @Override
  public byte[] init(byte[] enclaveConfig) throws EnclaveException {
    byte[] peerId = new byte[PEER_ID_BYTES];
    call(
        enclaveConfig,
        (space, bytes) -> {
          try (BytePointer out = new BytePointer(PEER_ID_BYTES)) {
            int code = Bridge.svr2_bridge_init(running.handle, bytes, enclaveConfig.length, out);
            out.get(peerId);
            return code;
          }
        });
    return peerId;
  }

  @Override
  public void input(byte[] hostToEnclaveMessage) throws EnclaveException {
    call(
        hostToEnclaveMessage,
        (space, bytes) ->
            Bridge.svr2_bridge_input(running.handle, bytes, hostToEnclaveMessage.length));
  }

  @Override
  public byte[] measurement() {
    return measurement.clone();
  }

  @Override
  public int maxThreads() {
    return maxThreads;
  }

  @Override
  public void close() {
    if (ThreadSpace.get().isInside(running)) {
      throw new IllegalStateException(
          "close() from inside the output handler of the same enclave would wait for itself");
    }
    running.closed = true;
    running.destroy();
    leakCheck.clean();
  }

  @Override
  public String toString() {
    return "Enclave(" + running.name + ")";
  }

  /** What an image says about itself; see {@link SignedImage#inspect}. */
  static SignedImage inspect(Path image) throws EnclaveException {
    requireNativeLibrary();
    Map<String, String> lines = new LinkedHashMap<>();
    try (BytePointer path = new BytePointer(image.toString(), StandardCharsets.UTF_8);
        BytePointer text = new BytePointer(INSPECT_BYTES)) {
      int code = Bridge.svr2_bridge_inspect(path, text, INSPECT_BYTES);
      if (code != 0) {
        throw failure(code, lastError());
      }
      byte[] bytes = new byte[INSPECT_BYTES];
      text.get(bytes);
      String description = new String(bytes, StandardCharsets.US_ASCII);
      for (String line : description.substring(0, description.indexOf('\0')).split("\n", -1)) {
        int equals = line.indexOf('=');
        if (equals >= 0) {
          lines.put(line.substring(0, equals), line.substring(equals + 1));
        }
      }
    }
    Platform platform = Platform.parse(lines.remove("platform"));
    byte[] measurement = HexFormat.of().parseHex(lines.remove("measurement"));
    byte[] signer = HexFormat.of().parseHex(lines.remove("signer"));
    Map<String, Long> properties = new LinkedHashMap<>();
    lines.forEach((key, value) -> properties.put(key, Long.valueOf(value)));
    return new SignedImage(platform, measurement, signer, properties);
  }

  private interface NativeCall {
    int run(ThreadSpace space, BytePointer bytes);
  }

  private void call(byte[] message, NativeCall nativeCall) throws EnclaveException {
    ThreadSpace space = ThreadSpace.get();
    if (space.isInside(running)) {
      throw new EnclaveException(Error.ERROR_BRIDGE_REENTERED, running.name);
    }
    permits.acquireUninterruptibly();
    try {
      if (running.closed) {
        throw new EnclaveException(Error.ERROR_BRIDGE_CLOSED, running.name);
      }
      int code;
      space.enter(running);
      try {
        code = nativeCall.run(space, space.copyIn(message));
      } finally {
        space.leave();
      }
      if (code != 0) {
        throw failure(code, running.name);
      }
    } finally {
      permits.release();
      // Were this enclave collected during its last call, the leak check would wait for the call.
      Reference.reachabilityFence(this);
    }
  }

  private static byte[] measurementOf(Svr2Enclave handle) throws EnclaveException {
    try (BytePointer out = new BytePointer(Bridge.SVR2_MEASUREMENT_BYTES)) {
      int code = Bridge.svr2_bridge_measurement(handle, out);
      if (code != 0) {
        throw failure(code, "");
      }
      byte[] bytes = new byte[Bridge.SVR2_MEASUREMENT_BYTES];
      out.get(bytes);
      return bytes;
    }
  }

  private static void requireNativeLibrary() throws EnclaveException {
    Optional<String> failure = NativeLibrary.failure();
    if (failure.isPresent()) {
      throw new EnclaveException(Error.ERROR_BRIDGE_UNKNOWN_PLATFORM, failure.get());
    }
  }

  private static String lastError() {
    return Bridge.svr2_bridge_last_error().getString(StandardCharsets.UTF_8);
  }

  private static EnclaveException failure(int code, String detail) {
    Error error = Error.forNumber(code);
    return error != null && code != 0
        ? new EnclaveException(error, detail)
        : new EnclaveException(Error.UNRECOGNIZED, "number " + code + ", " + detail);
  }

  /** The native enclave, apart from {@link Enclave}, so that the leak check does not hold that. */
  private static final class Running {
    final Svr2Enclave handle;
    final long id;
    final Receiver receiver;
    final String name;
    volatile boolean closed;
    private boolean destroyed;

    Running(Svr2Enclave handle, long id, Receiver receiver, String name) {
      this.handle = handle;
      this.id = id;
      this.receiver = receiver;
      this.name = name;
    }

    /** Waits for calls inside; the second caller waits for the first. */
    synchronized void destroy() {
      if (destroyed) {
        return;
      }
      destroyed = true;
      int code = Bridge.svr2_bridge_destroy(handle);
      if (code == Bridge.SVR2_BRIDGE_ABORTED) {
        // Threads still run in it and may still output: the receiver stays.
        log.warn("enclave {} aborted with threads inside; it stays in memory", name);
        return;
      }
      RECEIVERS.remove(id);
    }

    void reportLeak() {
      if (!closed) {
        LEAKED.incrementAndGet();
        log.error("enclave {} was dropped without close(); destroying it now", name);
        closed = true;
        destroy();
      }
    }
  }

  /** Takes the output of one enclave. */
  private static final class Receiver {
    final OutputHandler handler;
    final Consumer<Throwable> uncaught;
    final AtomicLong failures = new AtomicLong();

    Receiver(OutputHandler handler, Consumer<Throwable> uncaught) {
      this.handler = handler;
      this.uncaught = uncaught;
    }

    int take(long message, long size) {
      try {
        handler.onOutput(ThreadSpace.get().copyOut(message, Math.toIntExact(size)));
        return 0;
      } catch (
          Throwable thrown) { // Nothing may unwind into native code, errors of the VM included.
        failures.incrementAndGet();
        report(thrown);
        return Error.ERROR_CORE_OUTPUT_FAILED_VALUE;
      }
    }

    private void report(Throwable thrown) {
      try {
        uncaught.accept(thrown);
      } catch (Throwable ignored) { // Said in load(): dropped. It is counted already.
        return;
      }
    }
  }

  /** The one function that native code calls. Static, and so never collected. */
  private static final class Upcall extends OutputCallback {
    static final Upcall INSTANCE = new Upcall();

    @Override
    public int call(long context, long message, long messageSize) {
      Receiver receiver = RECEIVERS.get(context);
      return receiver == null
          ? Error.ERROR_CORE_OUTPUT_FAILED_VALUE
          : receiver.take(message, messageSize);
    }
  }
}
