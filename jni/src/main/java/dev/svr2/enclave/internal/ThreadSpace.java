// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave.internal;

import java.nio.ByteBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * What one thread needs to call into enclaves, kept from call to call: native memory to hand
 * messages over, a view on the messages that come back, and which enclaves the thread is inside of.
 * Used by its own thread only.
 *
 * <p>The memory is a direct buffer: it belongs to the thread and goes when the thread does. JavaCPP
 * watches its own allocations against the process's size, in which an enclave's heap counts; that
 * would fail calls for no reason.
 */
public final class ThreadSpace {
  private static final int INITIAL_BYTES = 16 << 10;

  /** A larger message gets memory of its own, which goes afterwards. */
  private static final int MAX_KEPT_BYTES = 1 << 20;

  private static final ThreadLocal<ThreadSpace> SPACES = ThreadLocal.withInitial(ThreadSpace::new);

  private final View view = new View();
  private ByteBuffer buffer = ByteBuffer.allocateDirect(INITIAL_BYTES);
  private BytePointer pointer = new BytePointer(buffer);
  private ByteBuffer largeBuffer;
  private Frame innermost;

  private ThreadSpace() {}

  /** One call that this thread has under way. */
  private record Frame(Object enclave, Frame outer) {}

  /** This thread's space. */
  public static ThreadSpace get() {
    return SPACES.get();
  }

  /** True between {@link #enter} and {@link #leave} for this enclave. */
  public boolean isInside(Object enclave) {
    for (Frame frame = innermost; frame != null; frame = frame.outer()) {
      if (frame.enclave() == enclave) {
        return true;
      }
    }
    return false;
  }

  /** Notes that this thread goes into an enclave. */
  public void enter(Object enclave) {
    innermost = new Frame(enclave, innermost);
  }

  /** Notes that this thread comes out of where it went last. */
  public void leave() {
    innermost = innermost.outer();
    largeBuffer = null;
  }

  /**
   * The bytes in native memory, valid until this thread calls {@link #leave}; call after {@link
   * #enter}.
   */
  public BytePointer copyIn(byte[] bytes) {
    boolean nested = innermost.outer() != null;
    if (nested || bytes.length > MAX_KEPT_BYTES) {
      // Called from the output handler of another enclave: the kept memory is that call's.
      largeBuffer = ByteBuffer.allocateDirect(Math.max(bytes.length, 1));
      largeBuffer.put(0, bytes);
      return new BytePointer(largeBuffer);
    }
    if (bytes.length > buffer.capacity()) {
      buffer = ByteBuffer.allocateDirect(Integer.highestOneBit(bytes.length - 1) << 1);
      pointer = new BytePointer(buffer);
    }
    buffer.put(0, bytes);
    return pointer;
  }

  /** A copy of native memory. */
  public byte[] copyOut(long address, int size) {
    byte[] bytes = new byte[size];
    if (size > 0) {
      view.at(address, size).get(bytes, 0, size);
    }
    return bytes;
  }

  /** Native memory that others own. */
  private static final class View extends BytePointer {
    View() {
      super((Pointer) null);
    }

    View at(long address, long size) {
      this.address = address;
      this.position = 0;
      this.limit = size;
      this.capacity = size;
      return this;
    }
  }
}
