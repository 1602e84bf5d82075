// Acquirer
