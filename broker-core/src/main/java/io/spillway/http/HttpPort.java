package io.spillway.http;

import io.spillway.config.HostPort;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.Threads;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A very small HTTP/1.1 server: GET and HEAD of a fixed set of pages, one request per connection.
 *
 * <p>Monitoring asks a few times a minute, so what counts is that this costs nothing meanwhile,
 * that it cannot be used against the broker (connections, request size and time are bounded), and
 * that closing it leaves no thread. The JDK's server has timers of its own and no limit on time.
 */
public final class HttpPort implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(HttpPort.class);
  private static final int MAX_CONNECTIONS = 16;
  private static final int WORKERS = 2;
  private static final int MAX_HEAD_BYTES = 8 << 10;
  private static final long DEADLINE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final ServerSocket server;
  private final Map<String, HttpPage> pages;
  private final Executor workers;
  private final Scheduler deadlines;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();

  private HttpPort(ServerSocket server, Map<String, HttpPage> pages, Threads threads) {
    this.server = server;
    this.pages = Map.copyOf(pages);
    this.workers = threads.newPool("http", WORKERS);
    this.deadlines = threads.newScheduler("http-deadline");
  }

  /**
   * Listens at once; answers until {@link #close}, which has to come before the threads are closed.
   *
   * @throws IOException when the address cannot be listened on
   */
  public static HttpPort open(HostPort address, Map<String, HttpPage> pages, Threads threads)
      throws IOException {
    ServerSocket server = new ServerSocket();
    try {
      server.setReuseAddress(true);
      server.bind(
          address.host().isEmpty()
              ? new InetSocketAddress(address.port())
              : new InetSocketAddress(address.host(), address.port()),
          MAX_CONNECTIONS);
    } catch (IOException e) {
      server.close();
      throw e;
    }
    HttpPort port = new HttpPort(server, pages, threads);
    threads.newPool("http-accept", 1).execute(port::acceptUntilClosed);
    return port;
  }

  /** The port that was bound. */
  public int port() {
    return server.getLocalPort();
  }

  @Override
  public void close() {
    closeQuietly(server);
    open.forEach(HttpPort::closeQuietly);
  }

  private void acceptUntilClosed() {
    while (!server.isClosed()) {
      try {
        accept(server.accept());
      } catch (IOException e) {
        if (!server.isClosed()) {
          LOG.warn("monitoring connection not accepted: {}", e.toString());
        }
      }
    }
  }

  private void accept(Socket socket) {
    if (open.size() >= MAX_CONNECTIONS) {
      closeQuietly(socket);
      return;
    }
    open.add(socket);
    if (server.isClosed()) {
      done(socket);
      return;
    }
    // Ends reads and writes alike, however slowly the other side goes about it.
    Cancellable deadline = deadlines.schedule(DEADLINE_NANOS, () -> closeQuietly(socket));
    workers.execute(
        () -> {
          try {
            serve(socket);
          } catch (IOException e) {
            LOG.debug("monitoring connection ended early", e);
          } finally {
            deadline.cancel();
            done(socket);
          }
        });
  }

  private void done(Socket socket) {
    closeQuietly(socket);
    open.remove(socket);
  }

  private void serve(Socket socket) throws IOException {
    String requestLine = readHead(socket.getInputStream());
    String[] words = requestLine.split(" ", -1);
    boolean wellFormed = words.length == 3 && words[2].startsWith("HTTP/1.");
    boolean head = wellFormed && words[0].equals("HEAD");
    HttpPage.Answer answer;
    if (!wellFormed) {
      answer = HttpPage.Answer.text(400, "bad request\n");
    } else if (!head && !words[0].equals("GET")) {
      answer = HttpPage.Answer.text(405, "GET and HEAD only\n");
    } else {
      answer = answer(words[1]);
    }
    write(socket.getOutputStream(), answer, head);
    socket.shutdownOutput();
  }

  private HttpPage.Answer answer(String target) {
    int query = target.indexOf('?');
    HttpPage page = pages.get(query < 0 ? target : target.substring(0, query));
    if (page == null) {
      return HttpPage.Answer.text(
          404, "pages: " + String.join(" ", pages.keySet().stream().sorted().toList()) + "\n");
    }
    try {
      return page.answer();
    } catch (RuntimeException e) {
      LOG.warn("{} cannot be answered", target, e);
      return HttpPage.Answer.text(500, "failed: " + e.getMessage() + "\n");
    }
  }

  /**
   * Reads to the empty line that ends the head; returns the first line, empty if it is too long.
   */
  private static String readHead(InputStream in) throws IOException {
    byte[] head = new byte[MAX_HEAD_BYTES];
    int length = 0;
    while (length < head.length) {
      int read = in.read(head, length, head.length - length);
      if (read < 0) {
        throw new IOException("closed before the request was complete");
      }
      length += read;
      String text = new String(head, 0, length, StandardCharsets.ISO_8859_1);
      if (text.contains("\r\n\r\n") || text.contains("\n\n")) {
        return text.lines().findFirst().orElse("");
      }
    }
    return "";
  }

  private static void write(OutputStream out, HttpPage.Answer answer, boolean headOnly)
      throws IOException {
    byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
    String head =
        "HTTP/1.1 "
            + answer.status()
            + " "
            + reason(answer.status())
            + "\r\nContent-Type: "
            + answer.contentType()
            + "\r\nContent-Length: "
            + body.length
            + "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
    out.write(head.getBytes(StandardCharsets.ISO_8859_1));
    if (!headOnly) {
      out.write(body);
    }
    out.flush();
  }

  private static String reason(int status) {
    return switch (status) {
      case 200 -> "OK";
      case 400 -> "Bad Request";
      case 404 -> "Not Found";
      case 405 -> "Method Not Allowed";
      case 503 -> "Service Unavailable";
      default -> "Internal Server Error";
    };
  }

  private static void closeQuietly(AutoCloseable socket) {
    try {
      socket.close();
    } catch (Exception e) {
      LOG.debug("close of a monitoring socket failed", e);
    }
  }
}
