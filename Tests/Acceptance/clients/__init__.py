"""The real clients, each reduced to one question: does an image survive a push and a pull into an empty store?"""
