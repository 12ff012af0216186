package io.spillway.protocol.server;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The event loops, and what drives sockets on them: epoll where its library loads, else NIO. */
final class Sockets {

  private static final Logger LOG = LoggerFactory.getLogger(Sockets.class);

  private static final long STOP_TIMEOUT_SECONDS = 10;

  private final KafkaServerConfig config;
  private final boolean isEpoll;
  private final MultiThreadIoEventLoopGroup loops;

  Sockets(KafkaServerConfig config) {
    this.config = config;
    this.isEpoll = config.transport() == Transport.AUTO && Epoll.isAvailable();
    if (config.transport() == Transport.AUTO && !isEpoll) {
      LOG.info("sockets are driven by NIO: {}", String.valueOf(Epoll.unavailabilityCause()));
    }
    IoHandlerFactory handlers = isEpoll ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
    this.loops =
        new MultiThreadIoEventLoopGroup(
            config.networkThreads(), new DefaultThreadFactory(config.threadName(), true), handlers);
  }

  Iterable<EventExecutor> loops() {
    return loops;
  }

  /**
   * Takes the listener's port; nothing is accepted until its channel reads.
   *
   * @param allocator of the buffers of its connections
   * @param accepted sets up an accepted connection
   */
  Channel bind(ListenerConfig listener, ByteBufAllocator allocator, ChannelHandler accepted)
      throws BindFailedException {
    InetSocketAddress address =
        listener.host().isEmpty()
            ? new InetSocketAddress(listener.port())
            : new InetSocketAddress(listener.host(), listener.port());
    if (address.isUnresolved()) {
      throw new BindFailedException(listener, new UnknownHostException("unknown host"));
    }
    ChannelFuture bound = bootstrap(allocator, accepted).bind(address).awaitUninterruptibly();
    Throwable cause = bound.cause();
    if (cause != null) {
      throw new BindFailedException(listener, cause);
    }
    return bound.channel();
  }

  private ServerBootstrap bootstrap(ByteBufAllocator allocator, ChannelHandler accepted) {
    Class<? extends ServerSocketChannel> type =
        isEpoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
    int highWaterBytes = config.limits().writeHighWaterBytes();
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(loops)
            .channel(type)
            .option(ChannelOption.SO_BACKLOG, config.backlog())
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.AUTO_READ, false)
            .childOption(ChannelOption.ALLOCATOR, allocator)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childOption(
                ChannelOption.WRITE_BUFFER_WATER_MARK,
                new WriteBufferWaterMark(highWaterBytes / 2, highWaterBytes))
            .childHandler(accepted);
    if (config.sendBufferBytes() > 0) {
      bootstrap.childOption(ChannelOption.SO_SNDBUF, config.sendBufferBytes());
    }
    if (config.receiveBufferBytes() > 0) {
      bootstrap.option(ChannelOption.SO_RCVBUF, config.receiveBufferBytes());
    }
    return bootstrap;
  }

  /** Ends the loops. Not on one of them. */
  void close() {
    loops
        .shutdownGracefully(0, STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS)
        .awaitUninterruptibly(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }
}
