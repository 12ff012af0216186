@NullMarked
package io.spillway.kafka.transaction;

import org.jspecify.annotations.NullMarked;
