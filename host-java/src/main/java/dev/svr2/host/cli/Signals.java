// SPDX-License-Identifier: Apache-2.0
//
// Handlers for signals of the operating system.
package dev.svr2.host.cli;

import java.lang.reflect.Proxy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
final class Signals {
  private static final Logger LOG = LoggerFactory.getLogger(Signals.class);

  private Signals() {}

  /**
   * From now on a signal runs an action, on a thread of its own, instead of ending the process.
   *
   * @param name without SIG
   */
  static void handle(String name, Runnable action) {
    try {
      // sun.misc.Signal is in every JDK (module jdk.unsupported), but javac warns of its use.
      Class<?> signalClass = Class.forName("sun.misc.Signal");
      Class<?> handlerClass = Class.forName("sun.misc.SignalHandler");
      Object handler =
          Proxy.newProxyInstance(
              Signals.class.getClassLoader(),
              new Class<?>[] {handlerClass},
              (proxy, method, args) ->
                  switch (method.getName()) {
                    case "handle" -> {
                      action.run();
                      yield null;
                    }
                    case "equals" -> proxy == args[0];
                    case "hashCode" -> System.identityHashCode(proxy);
                    default -> "signal handler";
                  });
      Object signal = signalClass.getConstructor(String.class).newInstance(name);
      var unused =
          signalClass.getMethod("handle", signalClass, handlerClass).invoke(null, signal, handler);
    } catch (ReflectiveOperationException e) {
      LOG.warn("SIG{} ends the process without an orderly shutdown: {}", name, e.toString());
    }
  }
}
