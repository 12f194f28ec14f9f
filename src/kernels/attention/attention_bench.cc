int unused_for_now;
